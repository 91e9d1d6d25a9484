"""The JDBC sink connector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import sqlalchemy as sa

from tidegate.connectors.jdbc_sink.databases import database_from_config, dialect_of
from tidegate.connectors.jdbc_sink.keys import CONFIG
from tidegate.connectors.jdbc_sink.offsets import OffsetStore
from tidegate.connectors.jdbc_sink.options import Options, problems
from tidegate.connectors.jdbc_sink.session import Session
from tidegate.connectors.jdbc_sink.table_id import table_id
from tidegate.connectors.jdbc_sink.task import JdbcSinkTask
from tidegate.errors import ConfigError, ConfigProblem, TidegateError
from tidegate.records.envelope import TopicPartition
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.sdk.drift import EVOLVE, PROJECT, DriftKeys
from tidegate.sdk.sink import SinkConnector, SinkTask

_VALIDATION_TIMEOUT_MS = 5000

_GUARANTEES = """\
Each record is in its table exactly once, with every `insert.mode` and through kill -9 of the worker, a cut connection
or a restart of the database. A batch of rows and the offsets after it are one database transaction:

1. `tidegate_offsets` is asked to move each topic partition's `next_offset`, on condition that `epoch` and `next_offset`
   are what this task left there. A task that has been replaced finds that they are not, and is rolled back.
2. The rows are written: COPY in PostgreSQL, statements of many rows in MariaDB and MySQL.
3. COMMIT. Only now the offsets go to the group `connect-<name>` as well, where tools see them, in the Kafka transaction
   that also holds the dead letters.

A task that starts takes its partitions over by writing its epoch into `tidegate_offsets`: from then on its predecessor
can not write. It reads from the group's offset and passes over what `tidegate_offsets` says is in the tables. So the
database can be restored from a backup: what is missing since is read again, as far as the topic has it.

Of several records of one key in a batch only the last is written (`upsert`, `update`); a tombstone before it deletes.

A record that the table does not take (NOT NULL, a type, a length, a check, a unique or foreign key) is halted by
itself, with the column, the rule and the remedy; the others of its batch are written. It is kept in `tidegate_halted`
until it is in the dead letter queue. Where the last record of a key is refused, the one before it counts. With
`errors.tolerance=none` everything before the record is written, nothing after it.

- The connector's name is part of the key of `tidegate_offsets`: two clusters that write to one database need connectors
  of different names. The user needs the right to create the two tables, or they are made beforehand.
- `tidegate connector offsets NAME --alter` and `--reset` alter `tidegate_offsets` too; what is read again is written
  again. Kafka's own tools do not: the database's position stands.
- The tables have to be transactional: a table of MyISAM or Aria is refused. MariaDB and MySQL run in strict mode here,
  so that no value is cut to size; they commit CREATE and ALTER TABLE at once, so a table may be made or widened by a
  transaction that is rolled back.
- MariaDB takes a row that is equal in any unique index for the one to replace. Here such a record is refused instead.
- Keys of text are compared byte by byte in tables that `auto.create` makes; where an existing table compares them
  otherwise (`utf8mb4_general_ci`), keys that differ in case only are one row.
- In SQLite a decimal of more than 15 digits, an unsigned 64-bit number and a nested value are text.
- Instants go into columns without time zone as the clock of `db.timezone`; MariaDB's and MySQL's DATETIME is such a
  column, their TIMESTAMP is not. Nanoseconds are cut to microseconds.
- Change events of Debezium have to be unwrapped before, with the transform ExtractNewRecordState.
"""

_EXAMPLE = """\
Orders by key, with deletes, into a table that follows their schema; what does not fit waits in a dead letter queue:

```yaml
name: orders-to-postgres
config:
  connector.class: jdbc-sink
  topics: orders
  connection.url: jdbc:postgresql://db:5432/shop
  connection.user: tidegate
  connection.password: ${file:/run/secrets/shop:password}
  insert.mode: upsert
  pk.mode: record_key
  delete.enabled: "true"
  auto.create: "true"
  auto.evolve: "true"
  errors.tolerance: all
  errors.deadletterqueue.topic.name: orders-halted
```

Three records, of key `{"id": 1}`, `{"id": 2}` and `{"id": 1}`:

| offset | value | what happens |
| --- | --- | --- |
| 0 | `{"item": "oar", "price": "12.50"}` | `INSERT` |
| 1 | `{"item": "net", "price": "-1.00"}` | the table has `CHECK (price > 0)`: halted |
| 2 | `null` | `DELETE` |

The dead letter of offset 1 says: *table orders refuses the record: new row for relation "orders" violates check
constraint "orders_price_check": correct the value, or alter the constraint*. And the database:

```
shop=> SELECT topic, partition, next_offset, epoch FROM tidegate_offsets;
 topic  | partition | next_offset | epoch
--------+-----------+-------------+-------
 orders |         0 |           3 |   812
```
"""


class JdbcSinkConnector(SinkConnector):
    """Topics to tables of a relational database, exactly once."""

    name = "jdbc-sink"
    doc = (
        "Writes topics to tables of PostgreSQL, MariaDB, MySQL or SQLite, with inserts, upserts, updates and deletes; "
        "makes and widens tables if told to."
    )
    guarantees: ClassVar[str] = _GUARANTEES
    example: ClassVar[str] = _EXAMPLE
    aliases = (
        "io.confluent.connect.jdbc.JdbcSinkConnector",
        "JdbcSinkConnector",
        "io.debezium.connector.jdbc.JdbcSinkConnector",
    )
    config_def: ClassVar[ConfigDef] = CONFIG
    task_class: ClassVar[type[SinkTask]] = JdbcSinkTask
    drift_keys: ClassVar[DriftKeys] = {
        EVOLVE: {"auto.evolve": "true"},
        PROJECT: {"auto.evolve": "false"},
    }

    def validate(self, config: Config) -> Sequence[ConfigProblem]:
        found = list(problems(config))
        if found:
            return found
        try:
            return list(_against_database(config))
        except ConfigError as error:
            return error.problems
        except TidegateError as error:
            return [ConfigProblem("connection.url", str(error))]

    def alter_offsets(self, config: Config, connector: str, offsets: Mapping[TopicPartition, int] | None) -> None:
        database = database_from_config(config)
        dialect = dialect_of(database.backend, config)
        store = OffsetStore(dialect, connector, 0)
        try:
            with database.connection() as connection:
                session = Session(connection, dialect)
                dialect.prepare(session)
                store.make(session)
                with session.transaction():
                    store.alter(session, offsets)
        finally:
            database.close()


def _against_database(config: Config) -> Iterator[ConfigProblem]:
    database = database_from_config(
        config, connect_timeout_ms=min(config["connection.timeout.ms"], _VALIDATION_TIMEOUT_MS)
    )
    options = Options.from_config(config)
    topics = [topic.strip() for topic in config.originals.get("topics", "").split(",") if topic.strip()]
    try:
        with database.connection() as connection:
            inspector = sa.inspect(connection)
            for topic in topics:
                try:
                    table = table_id(config["table.name.format"], topic, database=database.url.database)
                except TidegateError as error:
                    yield ConfigProblem("table.name.format", str(error))
                    continue
                if not options.auto_create and not inspector.has_table(table.name, table.schema):
                    yield ConfigProblem(
                        "table.name.format",
                        f"table {table} for topic {topic} does not exist: create it, or set auto.create=true",
                    )
    finally:
        database.close()
