"""What users are told of the connector: its guarantees, how to set it up and look after it, a worked example."""

from __future__ import annotations

GUARANTEES = """\
Each committed change of a captured table is told exactly once, in the order of the log, through kill -9 of the
task, the worker and the server at any point. A batch of changes, the position after it and the tables' definitions
there are one Kafka transaction; after a crash the log is read again from the beginning of the transaction that was
passed in part, and what of it is in Kafka is left out.

- **Snapshot.** All captured tables are read as they were at one place in the log, in the order of their keys; the
  stream begins there. A snapshot that was cut off goes on at the key it had come to, as the table is then; the
  stream leaves out what each part has shown already. `snapshot.max.threads` tables are read at once, all as they were
  at that place. A table without a primary key, or with one of a type whose text has no order (float, time, bit, enum,
  set), is one Kafka transaction whatever its size: its rows are seen when it has been read to its end, and where the
  task dies before, nothing of it has been told and it is read anew. Such tables come after the others, one at a time.
  Each has to be read within `producer.override.transaction.timeout.ms`, 15 minutes by default, as are the brokers'
  `transaction.max.timeout.ms`.
- **Incremental snapshots.** A row in the table of signals (`signal.data.collection`) has tables read while the stream
  goes on, in chunks by primary key, resumed at the chunk where the task was. A chunk is read at a known place in the
  log and told when the stream has passed it, without the rows that were changed after it: an event never comes after
  a newer one of its key. Nothing is written to the database. On MariaDB, tables of InnoDB are read without a lock;
  elsewhere writers of the one table wait while a chunk is read (LOCK TABLES). A table without a primary key whose text
  has an order, or a condition that the server refuses, is passed over with a warning, `mysql_cdc.incremental_skipped`.
- **Definitions.** The log has types but, by default, no names of columns. Definitions are read at the snapshot,
  under its lock, and follow the statements in the log (CREATE, ALTER, RENAME, DROP, TRUNCATE of tables; databases'
  character sets), so that a table's records change their schema at the exact place, also when the connector lags
  behind. Each description of a table in the log is checked against its definition. What does not fit is taken from
  the log where the server has `binlog_row_metadata=FULL`, else asked from the server if that fits; else the task
  fails with the remedy, and has told nothing wrong. Statements that are run with `sql_log_bin=0` need that setting.
  Tables with system versioning are refused: the log tells their old rows like rows of today.
- **Position.** By GTID where the server has them (MariaDB always, MySQL with `gtid_mode=ON`), so that the connector
  can follow a failover; else by file and position. Standing in the midst of a large transaction it counts the
  transaction's row events: a replica writes the same ones if its `binlog_row_event_max_size` is the same.
- **XA.** Changes of a prepared transaction are told at its XA COMMIT, with the place, time and GTID of that, and never
  where it is rolled back. Small ones are held in memory (`max.batch.bytes` in all), others, and all after a restart,
  are read again from the log over a second connection: it has to be kept for longer than transactions stay prepared.
  Snapshots show what is committed. An XA COMMIT is in the log shortly before it is seen in the tables, so a snapshot
  with `snapshot.locking.mode=none` can miss one that is being committed as it begins: use `minimal` with XA. An
  incremental snapshot leaves out rows that XA transactions have changed since its last chunk.
- **Row images.** With `binlog_row_image=FULL`, events have whole rows. `NOBLOB` and `MINIMAL` leave out what has
  not changed: text and binary columns get `unavailable.value.placeholder`, and an update that leaves out a column
  of another type is halted as `errors.tolerance` says, for it can not be told rightly.

### The server

MariaDB 10.5 or newer, or MySQL 5.7 or newer, with a binary log (`log_bin`), `binlog_format=ROW`, best
`binlog_row_image=FULL` and `binlog_row_metadata=FULL`, and a log that is kept for longer than the connector may stand
still. Tests run on MariaDB 10.11 (Debian) and, for what differs there, on MySQL 8.0.12 (from a Maven artifact; GTIDs,
row events, binary JSON, `caching_sha2_password`, row images, purge, kill -9, failover by GTID, XA). The same tests
with compressed transactions were run on MySQL 8.0.33, whose artifact is too large for each run; name another MySQL's
directory in `TIDEGATE_MYSQL` to run them on it. `binlog_row_value_options=PARTIAL_JSON` is refused. MySQL 8.4 and 9
were not run.

```sql
CREATE USER tidegate IDENTIFIED BY '...';
GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO tidegate;
-- MariaDB also: GRANT BINLOG MONITOR ON *.* TO tidegate;
-- For incremental snapshots of tables that are locked meanwhile: GRANT LOCK TABLES ON *.* TO tidegate;
CREATE TABLE shop.debezium_signal (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048));
INSERT INTO shop.debezium_signal VALUES ('1', 'execute-snapshot',
    '{"data-collections": ["shop.orders"], "type": "incremental"}');
```

Other signals: `stop-snapshot`, `pause-snapshot`, `resume-snapshot`; `additional-conditions` chooses rows.

RELOAD is for `FLUSH TABLES WITH READ LOCK`, which is held while place and definitions are read
(`snapshot.locking.mode=minimal`). Without it: `none`, which is exact on MariaDB for tables of InnoDB. Other engines
have no consistent snapshot: use `extended`, which holds the lock until all is read.

### Unlike in Debezium

Compared event by event and schema by schema with Debezium's MariaDB and MySQL connectors 3.5.0 reading the same server
(MariaDB 10.11, MySQL 8.0.12) at the same time (types, a transaction over two tables, a moved key, a truncated and an
altered table, the records of transactions); what differs is listed here.

- Definitions are kept in the offsets topic, as they are at the position: no history topic, no replay of all
  statements at the start. `schema.history.internal.*` other than `store.only.captured.tables.ddl` is not needed.
- The position moves while only other tables change, without heartbeats.
- A TIME beyond a day, or a negative one, is told with `time.precision.mode=adaptive_time_microseconds`; UUID and
  INET of MariaDB are text; a LONGTEXT with `json_valid`, which is MariaDB's JSON, is `io.debezium.data.Json`.
- Defaults of columns are in the schemas where they are constants. That of a column that gets the time is 1970 in
  Debezium's, which no row has; here it is the time that the rows got when the column was added (DATETIME: if the
  session's `time_zone` was not SYSTEM), else none. One that `ALTER ... DROP DEFAULT` drops stays, for readers of
  older records. `source.snapshot` has no default and is always told. A null stays null beside a default.
- `snapshot.mode` values beside those listed, blocking snapshots, and signals by other ways than the table are not
  there. Keys of Debezium's that have no effect here are logged at the start (`cdc.key_without_effect`); those that
  would change what is told are refused, with what to write instead.
- A truncated table is a transaction with a beginning and an end; Debezium tells the beginning of each statement,
  ALTER too, and no end. On MySQL it names no transaction in the event and cuts the event's time to milliseconds.
- Changes in XA transactions are told when they are committed, as changes of the transaction of XA COMMIT; Debezium
  tells them when they are prepared, also those that are rolled back after that.

### Monitoring

The position is in the connector's offsets: `file`, `pos`, `gtids`, and `ts_sec`, when the last transaction was
written; `SHOW SLAVE HOSTS` lists the connector under `database.server.id`. Two metrics tell how far the connector is
behind: `tidegate_task_lag_bytes`, how much of the log is not read yet (the sizes that `SHOW BINARY LOGS` gives, looked
at every ten seconds), and `tidegate_task_lag_seconds`, the age of the last change; beyond `lag.warning.seconds` it is
logged once a minute as `mysql_cdc.lag`. Heartbeats (`heartbeat.interval.ms`) show that the connector lives while
nothing changes.

### When something fails

- `has not the log any more that is to be read next`. The log was purged while the connector stood still, or the
  server is not the one it read from, or a replica that had not everything when it took over.
  `snapshot.mode=when_needed`, or reset the offsets: all tables are read anew. Keep the log longer.
- `A Kafka transaction that fills topic ... is about to pass transaction.timeout.ms`. The table of that topic has no
  key by which its snapshot could be resumed, and takes longer to read than a transaction may be open. Raise the
  brokers' `transaction.max.timeout.ms` and the connector's `producer.override.transaction.timeout.ms`; or give the
  table a primary key of a type with an order; or leave its rows out with `snapshot.include.collection.list`.
- `Another replica or connector has the same database.server.id`. Two replicas under one number end each other's
  streams. Give each its own.
- `A transaction of XA is committed ... has not the log any more`. It was prepared in a part of the log that was purged.
  As for a purged log.
- halted records with `incompatible`. A table was altered in a way that its subject's compatibility level does not
  allow. A NOT NULL column goes through under BACKWARD if it was added with a constant or the time as its default;
  else add it as a nullable column first.
- `does not fit what is known of it`. The table was changed by a statement that is not in the log, or not followed.
  `binlog_row_metadata=FULL`; for what is in the log already, reset the offsets, or exclude the table.
- `mysql_cdc.statement_not_followed` (warning). As above, before any row of the table has come. As above.
- `a snapshot was begun on another server`. Failover in the midst of a snapshot. Reset the offsets.
- `its log misses changes (an incident event)`. The server lost changes of its log. Reset the offsets.
- halted records with `the log does not tell its value`. `binlog_row_image` is not FULL. `binlog_row_image=FULL`.
- `refuses: Access denied`. Rights are missing. The grants above.
"""
EXAMPLE = """\
```yaml
name: shop-changes
connector.class: mysql-cdc
database.hostname: db
database.user: tidegate
database.password: ${env:DB_PASSWORD}
database.server.id: 5401
database.include.list: shop
table.exclude.list: shop[.]_.*
topic.prefix: shop
column.mask.hash.SHA-256.with.salt.S: shop[.]customers[.]email
```

Changes of the table `customers` of the database `shop` go to the topic `shop.shop.customers`.
"""
