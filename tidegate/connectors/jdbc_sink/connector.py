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
from tidegate.sdk.sink import SinkConnector, SinkTask

_VALIDATION_TIMEOUT_MS = 5000


class JdbcSinkConnector(SinkConnector):
    """Topics to tables of a relational database, exactly once."""

    name = "jdbc-sink"
    doc = (
        "Writes topics to tables of PostgreSQL, MariaDB, MySQL or SQLite, with inserts, upserts, updates and deletes; "
        "makes and widens tables if told to."
    )
    aliases = (
        "io.confluent.connect.jdbc.JdbcSinkConnector",
        "JdbcSinkConnector",
        "io.debezium.connector.jdbc.JdbcSinkConnector",
    )
    config_def: ClassVar[ConfigDef] = CONFIG
    task_class: ClassVar[type[SinkTask]] = JdbcSinkTask

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
