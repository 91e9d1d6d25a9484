"""The JDBC source connector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import CursorResult

from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.keys import (
    BULK,
    CONFIG,
    INCREMENTING,
    TASK_TABLES,
    TIMESTAMP,
    TIMESTAMP_INCREMENTING,
)
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.tables import chosen_tables, column_problems
from tidegate.connectors.jdbc.task import JdbcSourceTask
from tidegate.errors import ConfigError, ConfigProblem, RetriableError, TidegateError
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.sdk.source import SourceConnector, SourceTask

_VALIDATION_TIMEOUT_MS = 5000

_GUARANTEES = """\
Each row that a poll finds is in Kafka exactly once, also when the worker is killed: rows and the offset after them are
written in one Kafka transaction, and the task goes on after the last committed offset.

What a poll finds depends on the mode:

- **incrementing** finds new rows, not changes. A row that becomes visible after one with a greater value (two
  transactions that commit in the other order) is not seen.
- **timestamp** finds new and changed rows by `timestamp.column.name`. Rows of equal time are never parted: an offset
  stands between groups of equal timestamps. Rows younger than `timestamp.delay.interval.ms`, by the database's clock,
  wait. A row that becomes visible later than that with an earlier timestamp is not seen: set the delay above the
  longest transaction. A page holds at least one whole group of equal timestamps, however large it is: where a bulk
  load gives millions of rows one timestamp, use **timestamp+incrementing**.
- **timestamp+incrementing** as timestamp, with the growing column telling rows of equal time apart.
- **bulk** reads everything each `poll.interval.ms`, and from the beginning after a restart.

No mode sees deleted rows.

Each page is found by the column of its mode: give it an index (mode timestamp+incrementing: one of both columns, time
first), or each page sorts what is left of the table. PostgreSQL is read by binary COPY, several times as fast as rows;
bulk is one query, whose snapshot PostgreSQL holds until the last row has been read.

Offsets: `{"incrementing": 1234}`, `{"timestamp": "2026-01-31T12:00:00.000001Z"}` or both, for each source partition
`{"table": "schema.table"}` (a query's is `{"query": "query"}`). Timestamps are compared with microseconds.

Types come from the database's catalogue, not from the data, so an empty column changes nothing. A column that is
NOT NULL makes a required field. When a table is altered, rows from the next query on have the new schema.
UUID, JSON, INTERVAL, ENUM and types without an equal in Arrow become text, and so does NUMERIC without precision.
A row with a value that its column can not hold, such as `infinity` or a date outside the years 1 to 9999, is halted by
itself.
The columns of a `query` are all nullable; in SQLite, which tells no types of them, they are text.
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
        problems = list(_combinations(config))
        if problems:
            return problems
        try:
            return list(_against_database(config))
        except ConfigError as error:
            return error.problems
        except TidegateError as error:
            return [ConfigProblem("connection.url", str(error))]

    def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        if config["query"]:
            return [{}]
        database = Database.from_config(config)
        try:
            tables = [(relation.schema, relation.table) for relation in chosen_tables(database, config)]
        finally:
            database.close()
        tasks = max(1, min(max_tasks, len(tables)))
        return [{TASK_TABLES: orjson.dumps(tables[number::tasks]).decode()} for number in range(tasks)]


def _combinations(config: Config) -> Iterator[ConfigProblem]:
    mode = config["mode"]
    if mode in (INCREMENTING, TIMESTAMP_INCREMENTING) and not config["incrementing.column.name"]:
        yield ConfigProblem("incrementing.column.name", f"missing; mode {mode} needs it: name a column that only grows")
    if mode in (TIMESTAMP, TIMESTAMP_INCREMENTING) and not config["timestamp.column.name"]:
        yield ConfigProblem("timestamp.column.name", f"missing; mode {mode} needs it: name the column of last change")
    chosen = [
        key for key in ("table.whitelist", "table.include.list", "table.blacklist", "table.exclude.list") if config[key]
    ]
    if config["query"] and chosen:
        yield ConfigProblem("query", f"excludes {', '.join(chosen)}: give either a query or tables")
    for first, second in (("table.whitelist", "table.include.list"), ("table.blacklist", "table.exclude.list")):
        if config[first] and config[second]:
            yield ConfigProblem(second, f"means the same as {first}: give one of them")


def _against_database(config: Config) -> Iterator[ConfigProblem]:
    database = Database.from_config(
        config, connect_timeout_ms=min(config["connection.timeout.ms"], _VALIDATION_TIMEOUT_MS)
    )
    try:
        if config["query"]:
            yield from _query_problems(database, Relation(query=config["query"]), config)
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
        yield ConfigProblem("query", str(error))
        return
    for key in ("incrementing.column.name", "timestamp.column.name", "message.key.columns"):
        given = config[key] or ()
        for name in [given] if isinstance(given, str) else given:
            if name.lower() not in names:
                yield ConfigProblem(key, f"the query gives no column {name!r}; it gives {', '.join(sorted(names))}")
