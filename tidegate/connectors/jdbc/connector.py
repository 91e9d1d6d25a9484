"""The JDBC source connector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult

from tidegate.connectors.jdbc.database import Database, configured_url
from tidegate.connectors.jdbc.keys import (
    BULK,
    CONFIG,
    INCREMENTING,
    QUERY_PARAMETERS,
    TIMESTAMP,
    TIMESTAMP_INCREMENTING,
)
from tidegate.connectors.jdbc.mode_columns import (
    INCREMENTING_MAPPING,
    INCREMENTING_NAME,
    TIMESTAMP_MAPPING,
    TIMESTAMP_NAME,
)
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.shares import shares
from tidegate.connectors.jdbc.table_watch import watches
from tidegate.connectors.jdbc.tables import chosen_tables, column_problems, configured_query, query_relation
from tidegate.connectors.jdbc.task import JdbcSourceTask
from tidegate.errors import ConfigError, ConfigProblem, RetriableError, TidegateError
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.sdk.source import SourceConnector, SourceTask

_VALIDATION_TIMEOUT_MS = 5000

_GUARANTEES = """\
Each row that a poll finds is in Kafka exactly once, also when the worker is killed: rows and the offset after them are
written in one Kafka transaction, and the task goes on after the last committed offset.

What a poll finds depends on the mode:

- **incrementing** finds new rows, not changes, by a column that only grows.
- **timestamp** finds new and changed rows by `timestamp.column.name`.
- **timestamp+incrementing** as timestamp, with the growing column telling rows of equal time apart.
- **bulk** reads everything each `poll.interval.ms`, and from the beginning after a restart; with `bulk.chunks`, page
  by page in the order of the primary key, and after a restart from where the round was. Rows that come or go behind
  the page that is being read are the next round's.

Rows that the mode does not tell apart, those of equal time or, in a query, of equal number, are never parted: an offset
stands between such groups ([why](../decisions/0046-a-position-ends-between-groups-of-equal-rows.md)). A page holds at
least one whole group, however large it is: where a bulk load gives millions of rows one timestamp, use
timestamp+incrementing.

No mode sees deleted rows. A row whose columns of the mode are null is never read (`validate.non.null`). A table that is
dropped and made anew under its name, or emptied with its numbers begun again, goes on after the old offset: reset it.

### Rows that commit late

Two transactions may commit in the other order than the one in which they took their number or their time. Whoever
reads "all above the last one" loses the row that comes second. What to do depends on the database:

- **PostgreSQL from version 13 on: `transaction.horizon=true`.** Rows are read by the transaction that wrote them,
  window after window, each up to the oldest transaction that still writes. Nothing that commits late is lost, however
  late, and whatever its number or time is, also one that an application or another clock made ([why and
  how](../decisions/0019-late-commits-are-found-by-transaction.md)). The price: a row waits until all transactions of
  the server that began to write before its own have ended, those in other databases included; the order in a topic is
  that of the windows; in mode incrementing, a changed row comes again; and PostgreSQL has no index by transaction, so
  that each round in which a transaction has ended looks through the table. Set `transaction.horizon.lookback` to bound
  that to an index range: late rows further below the greatest value read than this are not seen. It needs no right but
  SELECT. It reads tables and materialized views, not queries and views.
- **Elsewhere: `timestamp.delay.interval.ms`.** Rows younger than this, by the database's clock, wait; in mode
  incrementing, numbers above the greatest one that was there so long ago. A row that becomes visible later than that
  with an earlier timestamp or a smaller number **is lost without a trace**: set the delay above the longest
  transaction. SQLite has one writer at a time, and nothing to wait for.
- Without either (the default, as Confluent's), such rows are lost.

A time is read once it is over, by the database's clock and as far as the column tells it: a column of whole seconds may
get another row of this second, which therefore waits for its end; milliseconds likewise, and SQLite's text as seconds.
Whoever writes whole seconds into a column of microseconds gives a `timestamp.delay.interval.ms` of 1000.

Times without a zone are compared as times of `db.timezone`. Where that has summer time, the clock on the wall shows
one hour twice each autumn. Rows of that hour wait until its second pass, in which they are read in the order of the
wall; so they are not lost, but an hour late. Set `db.timezone` to the zone of whoever writes the times, not that of the
server, if these differ; MySQL's `serverTimezone` in the URL does nothing.

### Reading

Each page is found by the column of its mode: give it an index (mode timestamp+incrementing: one of both columns, time
first), or each page sorts what is left of the table. PostgreSQL is read by binary COPY, several times as fast as rows;
bulk without chunks is one query, whose snapshot PostgreSQL holds until the last row has been read. Pages are of
`batch.max.rows`, whose default is larger than Confluent's, and of `batch.max.bytes`.

Offsets: `{"incrementing": 1234}`, `{"timestamp": "2026-01-31T12:00:00.000001Z"}` or both, for each source partition
`{"table": "schema.table"}` (a query's is `{"query": "query"}`). Timestamps are compared with microseconds. An offset of
Confluent's connector, `{"timestamp": 1767225600123, "timestamp_nanos": 123456000, "incrementing": 1234}`, may be set as
it is, under this connector's partition. With `timestamp.initial=-1` the time of the start is kept before any row. With
the horizon these are the greatest read, and beside them stands `horizon`, before which all transactions are read, and
within a window `until`, its end, and `at`, how far it is read. `transaction.horizon` may be switched on and off. After
the data was moved to another server, take `horizon`, `until` and `at` out of the offset. In chunks: `{"key": [12,
"b"]}`.

### Tables

A table that is named without schema is looked for in the connection's own (PostgreSQL's `currentSchema`), and then in
all others, where exactly one may have it. Names may be in quotes, and begin with the database's. Without names or
patterns, the tables of the connection's schema are read; Confluent's connector takes those of all schemas, as
`schema.pattern=%` does here. A partitioned table is read as one, and its partitions only where they are named.

Tables are shared among at most `tasks.max` tasks. With patterns, or when none are named, each task looks for new
tables every `table.poll.interval.ms`; a new one is read by exactly one of the running tasks, and none is restarted. A
new table that lacks what the mode needs is left out with a warning, and looked at again; one that is dropped, too.
Tables that are named have to exist.

### Types

Types come from the database's catalogue, not from the data, so an empty column changes nothing. A column that is NOT
NULL makes a required field. When a table is altered, rows from the next query on have the new schema. UUID, JSON,
INTERVAL, ENUM and types without an equal in Arrow become text, and so does NUMERIC without precision. MySQL's and
MariaDB's TIME, which may be negative or longer than a day, becomes text; BIT(1) a boolean, longer ones bytes. Their
dates that are none (0000-00-00) are halted. A row with a value that its column can not hold, such as `infinity` or a
date outside the years 1 to 9999, is halted by itself. The columns of a `query` are all nullable; in SQLite, which
tells no types of them, they are text. An ORDER BY of a query has no effect where the mode has an order, and in MariaDB
and MySQL none in mode bulk either.

### Options of the database's driver

Those of Java's driver, in the URL or as `connection.<option>`, work where they have a meaning here. PostgreSQL:
`currentSchema`, `options`, `ssl`, `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `sslpassword`, `ApplicationName`,
`targetServerType`, and several hosts. MySQL and MariaDB: `sslMode`, `useSSL`, `requireSSL`, `verifyServerCertificate`,
`trustServerCertificate`, `serverSslCert` (a PEM file), `sessionVariables`, `zeroDateTimeBehavior=CONVERT_TO_NULL`,
`tinyInt1isBit=false`. Oracle: addresses with service name or SID, descriptors, and `tcps://` with the driver's
parameters. All others are named in a warning when the task starts, and mean nothing. Certificates in a Java key store
can not be read.

### Which databases this was run on

PostgreSQL, MariaDB and SQLite run in the tests. **No Oracle server was run**: its SQL text, types and fetch path are
tested against python-oracledb (thin mode) as it is documented, with the driver's own data frames, and no more. Names of
Oracle's tables and columns are as Oracle has them, ORDERS and ID, in topics and records too. NUMBER(p,s) is a decimal,
INTEGER a decimal of 38 digits, DATE and TIMESTAMP times without zone, TIMESTAMP WITH (LOCAL) TIME ZONE an instant; a
timestamp column of the mode must not have more than six digits of a second. SQL Server is not supported.
"""


class JdbcSourceConnector(SourceConnector):
    """Tables of a relational database to Kafka, by polling."""

    name = "jdbc-source"
    doc = (
        "Reads tables of PostgreSQL, MySQL, MariaDB, SQLite or Oracle, or the result of a query, by polling. New and "
        "changed rows are found by a growing column, a timestamp, or both."
    )
    guarantees: ClassVar[str] = _GUARANTEES
    aliases = ("io.confluent.connect.jdbc.JdbcSourceConnector", "JdbcSourceConnector", "jdbc")
    config_def: ClassVar[ConfigDef] = CONFIG
    task_class: ClassVar[type[SourceTask]] = JdbcSourceTask

    def validate(self, config: Config) -> Sequence[ConfigProblem]:
        try:
            return list(_combinations(config)) or list(_against_database(config))
        except ConfigError as error:
            return error.problems
        except TidegateError as error:
            return [ConfigProblem("connection.url", str(error))]

    def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        if configured_query(config):
            return [{}]
        database = Database.from_config(config)
        try:
            tables = chosen_tables(database, config)
        finally:
            database.close()
        return shares(tables, max_tasks, watched=watches(config))


def _combinations(config: Config) -> Iterator[ConfigProblem]:
    mode = config["mode"]
    query = configured_query(config)
    if mode in (INCREMENTING, TIMESTAMP_INCREMENTING) and query and not config[INCREMENTING_NAME]:
        yield ConfigProblem(INCREMENTING_NAME, f"missing; mode {mode} needs it: name a column that only grows")
    if mode in (TIMESTAMP, TIMESTAMP_INCREMENTING) and not (config[TIMESTAMP_NAME] or config[TIMESTAMP_MAPPING]):
        yield ConfigProblem(TIMESTAMP_NAME, f"missing; mode {mode} needs it: name the column of last change")
    for name, mapping in ((INCREMENTING_NAME, INCREMENTING_MAPPING), (TIMESTAMP_NAME, TIMESTAMP_MAPPING)):
        if config[mapping] and query:
            yield ConfigProblem(mapping, f"is for tables, and there is a query: give {name}")
        elif config[mapping] and config[name]:
            yield ConfigProblem(mapping, f"is given instead of {name}: give one of them")
    if config["query"] and config["query.masked"]:
        yield ConfigProblem("query.masked", "is the same as query, but not shown: give one of them")
    if query and not config["topic.prefix"]:
        yield ConfigProblem("topic.prefix", "missing; it is the topic of a query's rows: name it")
    chosen = [
        key for key in ("table.whitelist", "table.include.list", "table.blacklist", "table.exclude.list") if config[key]
    ]
    if query and chosen:
        yield ConfigProblem("query", f"excludes {', '.join(chosen)}: give either a query or tables")
    for first, second in (("table.whitelist", "table.include.list"), ("table.blacklist", "table.exclude.list")):
        if config[first] and config[second]:
            yield ConfigProblem(second, f"is the newer form of {first}: give one of them")
    yield from _horizon_problems(config)
    given = config.with_prefix(QUERY_PARAMETERS)
    used = query_relation(config).named_parameters() if query else set()
    for name in sorted(set(given) - used):
        yield ConfigProblem(
            QUERY_PARAMETERS + name, f"there is no :{name} in the query: write it there, or remove this"
        )
    if config["bulk.chunks"] and (mode != BULK or query):
        yield ConfigProblem("bulk.chunks", "is for tables in mode bulk: set it to false")


def _horizon_problems(config: Config) -> Iterator[ConfigProblem]:
    key = "transaction.horizon"
    if not config[key]:
        return
    if configured_url(config).get_backend_name() != "postgresql":
        yield ConfigProblem(key, "is PostgreSQL's only: set it to false, and a timestamp.delay.interval.ms")
    elif configured_query(config):
        yield ConfigProblem(key, "is for tables, whose rows tell their transaction: set it to false, or name tables")
    elif config["mode"] == BULK:
        yield ConfigProblem(key, "means nothing in mode bulk, which reads all: set it to false, or another mode")
    elif set(map(str.upper, config["table.types"])) & {"VIEW"}:
        yield ConfigProblem("table.types", "a view's rows tell no transaction: leave VIEW out, or the horizon")
    elif config["timestamp.delay.interval.ms"]:
        yield ConfigProblem(
            "timestamp.delay.interval.ms", "is not needed with transaction.horizon, which loses nothing: remove it"
        )


def _against_database(config: Config) -> Iterator[ConfigProblem]:
    database = Database.from_config(
        config, connect_timeout_ms=min(config["connection.timeout.ms"], _VALIDATION_TIMEOUT_MS)
    )
    try:
        if configured_query(config):
            yield from _query_problems(database, query_relation(config), config)
        else:
            relations = chosen_tables(database, config)
            if config["mode"] != BULK or config["message.key.columns"]:
                yield from column_problems(database, relations, config)
    finally:
        database.close()


def _query_problems(database: Database, relation: Relation, config: Config) -> Iterator[ConfigProblem]:
    try:
        with database.connection() as connection:
            result: CursorResult[Any] = connection.execute(
                sa.select(sa.literal_column("*")).select_from(relation.source()).where(sa.false())
            )
            names = {name.lower() for name in result.keys()}  # noqa: SIM118 - of a result, not of a dict
    except RetriableError:
        raise
    except TidegateError as error:
        if config["query.masked"]:
            # What the database says of it shows parts of it.
            yield ConfigProblem("query.masked", f"the {database.name} refuses it: run it by hand to see why")
        else:
            yield ConfigProblem("query", str(error))
        return
    for key in ("incrementing.column.name", "timestamp.column.name", "message.key.columns"):
        given = config[key] or ()
        for name in [given] if isinstance(given, str) else given:
            if name.lower() not in names:
                yield ConfigProblem(key, f"the query gives no column {name!r}; it gives {', '.join(sorted(names))}")
