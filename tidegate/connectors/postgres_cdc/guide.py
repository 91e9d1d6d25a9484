"""What users are told of the connector: its guarantees and a worked example."""

from __future__ import annotations

GUARANTEES = """\
Each committed change of a captured table is in Kafka exactly once, in the order in which transactions were committed,
through kill -9 of the worker, of the task or of the server. Events and the position after them are one Kafka
transaction. The server is told that it may forget a part of its log only after the Kafka transaction that holds the
position behind it has committed; while nothing is captured, such a transaction keeps every `status.update.interval.ms`
how far the log has moved on. So a slot that is beyond the kept position is never the one that was read: a slot that was
dropped and made anew, or moved on by somebody else, is an error at the start, not a gap nobody notices.

A large transaction is never held in memory: the server sends it once it is committed, spilling it to its own disk
before, and the connector goes on within it, by the number of the event, after a restart. So one PostgreSQL transaction
may be several in Kafka. `provide.transaction.metadata` tells where each begins and ends.

The snapshot and the stream meet without a gap and without an overlap: the snapshot is the one that the slot exports.
A snapshot that is broken off goes on where it was, table by table and, in tables with a primary key, by ranges of the
key: what is left is read in a new snapshot, and the stream leaves out what each row's snapshot has shown. A table
without a primary key, whatever its size, is one Kafka transaction: its rows are seen when it has been read to its end,
and where the task dies before, nothing of it has been told and it is read anew. Such tables come after the others, one
at a time. Each has to be read within `producer.override.transaction.timeout.ms`, 15 minutes by default, as are the
brokers' `transaction.max.timeout.ms`.

With `snapshot.max.threads` several tables are read at once, and tables of some megabytes in several parts: by ranges of
the primary key, which a sample of the table's blocks cuts about evenly, or by blocks of the file where there is no
primary key. All connections see the same exported snapshot, and each range goes on by itself after a crash. Rows of
different ranges are told in any order. That helps where the server's disks or the network are slow; a task's own work
is done on one core, some 500,000 rows of TPC-H's lineitem a second with one thread as with four. While parts of a table
are read at once, a statement that waits to alter it breaks the snapshot off; the snapshot goes on after it.

An incremental snapshot (`signal.data.collection`) reads tables while the stream goes on, in chunks by key, and goes on
after a restart. A row is told at a place in the stream where it is what the changes before it have made of it.

- The key is the primary key. Where the replica identity is another index, so that a delete tells that index's columns
  alone, the key is these columns.
- Rows of a table without a key have no key in Kafka either, and no tombstones.
- Without `REPLICA IDENTITY FULL`, `before` of a delete has the key alone; required columns have their type's zero in
  it, as with Debezium. `before` of an update is null then.
- A `time` of 24:00:00 is 86,400,000,000 microseconds, and infinite dates and timestamps are the numbers that Debezium
  gives: readers that make times of day or dates of them have to know these. With `time.precision.mode=connect` an event
  with 24:00:00 is halted, for Connect's type has no room for it.
- What a table is like (NOT NULL, primary key) is asked of the catalogue when the server describes the table in the
  stream, so it may be newer than the change. A column that turns out to hold nulls is made nullable.
- A value that its type can not hold here (NaN in a decimal) halts that event alone, as `errors.tolerance` says.

### What differs from Debezium

- `date` and `timestamp` are Avro's own logical types as well; the numbers on the wire are the same. `connect.name`
  tells Debezium's semantic type, as Confluent's converter does.
- Types that Debezium leaves out unless `include.unknown.datatypes=true`, and geometric ones, are PostgreSQL's text.
- `source.version` is this connector's. `source.xmin` is null.
- The slot moves on an idle or filtered database without heartbeats.
- A broken off snapshot goes on instead of beginning anew, and large tables are read in parts at once.
- Incremental snapshots write nothing into the database.
- Only `pgoutput` is a plugin; signals come through the table only.
- Messages that are written into the log (`pg_logical_emit_message`) are not told.
- `transaction.id` is the same for all events of a transaction; Debezium puts each event's own place in the log into it.
- Defaults of columns are in the schemas where they are constants, arrays and bytea too; where one is a function,
  Debezium tells a zero (1970 for `now()`), which no row has. Here it is then what the rows got that were there when the
  column was added, if the server knows it, or none. `source.snapshot` has no default and is always told. A null stays
  null beside a default.
- Messages of `pg_logical_emit_message` are not told.
- Keys of Debezium's that have no effect here are logged at the start (`cdc.key_without_effect`); those that would
  change what is told are refused, with what to write instead.

The same changes told by Debezium 3.3 and by this connector are compared event by event, with their schemas, in
`tests/integration/connectors/test_postgres_cdc_against_debezium.py`.

## On the server

PostgreSQL 14 or newer; tested on 15 and 18. `wal_level=logical`, and one of `max_replication_slots` and
`max_wal_senders` for each connector, one more while a broken off snapshot goes on. The user needs

```sql
CREATE ROLE tidegate LOGIN REPLICATION PASSWORD '...';
GRANT USAGE ON SCHEMA public TO tidegate;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO tidegate;  -- for snapshots
CREATE PUBLICATION dbz_publication FOR TABLE public.orders, public.lines;
```

A publication that the connector makes (`publication.autocreate.mode`) needs CREATE on the database and ownership of the
tables; one FOR ALL TABLES needs a superuser. A publication made beforehand, with `disabled`, needs neither. To end a
session of a predecessor that still holds the slot, the user has to be the same one.

### Standbys that take over

On PostgreSQL 17 or newer `slot.failover=true` makes the slot one that standbys keep in step. A standby needs
`sync_replication_slots=on`, `hot_standby_feedback=on`, `primary_slot_name`, and a `dbname` in `primary_conninfo`; the
server needs `synchronized_standby_slots` with the standby's slot, so that it sends no change which the standby does not
have. Point `database.hostname` at a name that follows the server, or change it after the promotion: the connector goes
on from the promoted standby with nothing lost and nothing told twice. A slot that exists already is altered.

For incremental snapshots, a table for signals, published and with INSERT for whoever sends them:

```sql
CREATE TABLE debezium_signal (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048));
INSERT INTO debezium_signal VALUES ('1', 'execute-snapshot',
    '{"data-collections": ["public.orders"], "type": "incremental"}');
```

Other signals: `stop-snapshot`, `pause-snapshot`, `resume-snapshot`; `additional-conditions` chooses rows.

## Monitoring

| metric | what it tells | alarm |
| --- | --- | --- |
| `tidegate_task_lag_bytes` | log that the server has written and the connector has not confirmed | grows for minutes |
| `tidegate_task_lag_seconds` | age of the last change read; 0 when there are no others | above what you promise |
| `tidegate_task_state` | RUNNING, FAILED | FAILED |

A warning `postgres_cdc.lag` is logged when the slot holds back more than `lag.warning.bytes`, and
`postgres_cdc.slot_in_danger` when the server is about to remove what the slot needs (`wal_status=unreserved`). On the
server:
`SELECT slot_name, active, wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) FROM pg_replication_slots`.

## When something fails

- *Replication slot ... is lost: it was invalidated.* The server removed the log that the slot needs
  (`max_slot_wal_keep_size`, or `idle_replication_slot_timeout`). As the error says: drop the slot, reset the
  connector's offsets and take a snapshot, or set `snapshot.mode=when_needed`, which does that by itself.
- *... is lost: it begins at ..., and the connector has come to ...* While the connector was stopped the slot was
  dropped and made anew, or another consumer read it, or `pg_replication_slot_advance` moved it: what lies between is
  not in Kafka. The same.
- *... is lost: the server's log ends at ..., before ...* It is another server, or one restored from a backup, or a
  standby that was promoted before it had everything (`synchronized_standby_slots`). The same.
- *A Kafka transaction that fills topic ... is about to pass transaction.timeout.ms.* The table of that topic has no
  primary key, and takes longer to read than a transaction may be open. Raise the brokers' `transaction.max.timeout.ms`
  and the connector's `producer.override.transaction.timeout.ms`; or give the table a primary key; or read it by several
  connections (`snapshot.max.threads`); or leave its rows out with `snapshot.include.collection.list`.
- *A statement waits to alter table ..., of which the snapshot reads several ranges at once.* The task starts again by
  itself, after that statement.
- *... is lost: it does not exist any more.* Somebody dropped it, or a standby without it was promoted. The same;
  `slot.failover=true` (PostgreSQL 17) has standbys keep it.
- *... did not answer a replication command in time.* A new slot waits for the transactions that are open: look for old
  ones, `SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY xact_start`, and end them.
- *The server refuses: permission denied.* Rights: see above.
- *A record is incompatible with an earlier one.* A table was altered in a way that its subject's compatibility
  level does not allow. A NOT NULL column goes through under BACKWARD if it was added with a default that is a
  constant or the same for all rows, such as `now()`; else add it as a nullable column first. The event waits in the
  dead letter queue, or the task at it.
- *The server's disk fills.* The connector is stopped or FAILED and its slot holds the log back. Start it, or drop the
  slot if it will not come back. `max_slot_wal_keep_size` bounds what a slot may hold back.
- *Replication slot ... is used by another session.* Two connectors have the same `slot.name`, or somebody reads it by
  hand. Each connector needs a slot of its own.
- `postgres_cdc.session_ended` in the log: a predecessor's session still held the slot and was ended; nothing to do.

A connector that is deleted leaves its slot and its publication: `SELECT pg_drop_replication_slot('...')`,
`DROP PUBLICATION ...`. A server that fails over to a standby without the slot loses what was not read.
"""

EXAMPLE = """\
Two tables with their history, and the current rows by key for sinks that know nothing of change events:

```yaml
name: shop
config:
  connector.class: postgres-cdc       # or io.debezium.connector.postgresql.PostgresConnector
  database.hostname: db
  database.user: tidegate
  database.password: ${env:DATABASE_PASSWORD}
  database.dbname: shop
  topic.prefix: shop
  slot.name: shop
  publication.autocreate.mode: filtered
  table.include.list: public.orders,public.lines
  column.mask.with.4.chars: public.orders.card
  signal.data.collection: public.debezium_signal
```

`INSERT INTO orders VALUES (1, 'new')`, then `UPDATE orders SET state = 'paid'`, then `DELETE FROM orders` give in topic
`shop.public.orders`, key `{"id": 1}`: `{"op": "c", "before": null, "after": {"id": 1, "state": "new"}, "source": ...}`,
`{"op": "u", "before": null, "after": {"id": 1, "state": "paid"}, ...}`, `{"op": "d", "before": {"id": 1, ...}, "after":
null, ...}` and a tombstone. The transform `ExtractNewRecordState`, here or in a sink, makes rows of them.
"""
