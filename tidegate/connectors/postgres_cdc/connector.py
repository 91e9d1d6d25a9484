"""The PostgreSQL change data capture source connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tidegate.connectors.cdc.config_check import capture_problems
from tidegate.connectors.postgres_cdc.catalogue import Catalogue
from tidegate.connectors.postgres_cdc.connection import Server
from tidegate.connectors.postgres_cdc.guide import EXAMPLE, GUARANTEES
from tidegate.connectors.postgres_cdc.keys import CONFIG, DEBEZIUM
from tidegate.connectors.postgres_cdc.preview import PostgresPreviewTask
from tidegate.connectors.postgres_cdc.task import PostgresCdcTask
from tidegate.errors import ConfigProblem, TidegateError
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.sdk.source import SourceConnector, SourceTask


class PostgresCdcConnector(SourceConnector):
    """Changes of a PostgreSQL database to Kafka, from its write-ahead log."""

    name = "postgres-cdc"
    doc = (
        "Captures what is inserted, updated and deleted in a PostgreSQL database, from its write-ahead log, after a "
        "snapshot of what is there. Keys, envelope, topics and record types are Debezium's."
    )
    guarantees: ClassVar[str] = GUARANTEES
    example: ClassVar[str] = EXAMPLE
    aliases = ("io.debezium.connector.postgresql.PostgresConnector", "PostgresConnector")
    config_def: ClassVar[ConfigDef] = CONFIG
    task_class: ClassVar[type[SourceTask]] = PostgresCdcTask
    preview_class: ClassVar[type[SourceTask] | None] = PostgresPreviewTask

    def validate(self, config: Config) -> Sequence[ConfigProblem]:
        return capture_problems(DEBEZIUM, config) or _server_problems(config)

    def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        # A slot has one reader.
        return [{}]


def _server_problems(config: Config) -> list[ConfigProblem]:
    catalogue = Catalogue(Server(config, connect_timeout_ms=min(config["connection.timeout.ms"], 5000)))
    try:
        level = catalogue.setting("wal_level")
        if level != "logical":
            return [
                ConfigProblem(
                    "database.hostname",
                    f"the server has wal_level={level}: set wal_level=logical and restart the server",
                )
            ]
        rows = catalogue.ask("SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user")
        if not (rows and rows[0][0]) and not _of_a_cloud(catalogue):
            return [ConfigProblem("database.user", "has no right to replicate: ALTER ROLE ... REPLICATION")]
    except TidegateError as error:
        return [ConfigProblem("database.hostname", str(error))]
    finally:
        catalogue.close()
    return []


def _of_a_cloud(catalogue: Catalogue) -> bool:
    """Whether a role of a managed service gives the right."""
    rows = catalogue.ask(
        "SELECT 1 FROM pg_roles WHERE rolname IN ('rds_replication', 'cloudsqlsuperuser', 'azure_pg_admin') "
        "AND pg_has_role(current_user, oid, 'member')"
    )
    return bool(rows)
