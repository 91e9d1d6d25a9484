"""The MySQL and MariaDB change data capture source connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tidegate.connectors.cdc.config_check import capture_problems
from tidegate.connectors.mysql_cdc.catalogue import Catalogue
from tidegate.connectors.mysql_cdc.connection import Server
from tidegate.connectors.mysql_cdc.guide import EXAMPLE, GUARANTEES
from tidegate.connectors.mysql_cdc.keys import CONFIG, DEBEZIUM
from tidegate.connectors.mysql_cdc.server_check import server_problems
from tidegate.connectors.mysql_cdc.task import MySqlCdcTask
from tidegate.errors import ConfigError, ConfigProblem, TidegateError
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.sdk.source import SourceConnector, SourceTask

_CONNECT_MS = 5000


class MySqlCdcConnector(SourceConnector):
    """Changes of the databases of a MySQL or MariaDB server to Kafka, from its binary log."""

    name = "mysql-cdc"
    doc = (
        "Captures what is inserted, updated and deleted in a MariaDB or MySQL server, from its binary log, after a "
        "snapshot of what is there. Keys, envelope, topics and record types are Debezium's."
    )
    aliases = (
        "mariadb-cdc",
        "io.debezium.connector.mysql.MySqlConnector",
        "io.debezium.connector.mariadb.MariaDbConnector",
        "MySqlConnector",
        "MariaDbConnector",
    )
    guarantees: ClassVar[str] = GUARANTEES
    example: ClassVar[str] = EXAMPLE
    config_def: ClassVar[ConfigDef] = CONFIG
    task_class: ClassVar[type[SourceTask]] = MySqlCdcTask

    def validate(self, config: Config) -> Sequence[ConfigProblem]:
        return capture_problems(DEBEZIUM, config) or _reached(config)

    def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        # The log has one order and so one reader.
        return [{}]


def _reached(config: Config) -> list[ConfigProblem]:
    try:
        session = Server(config, connect_timeout_ms=min(config["connect.timeout.ms"], _CONNECT_MS)).connect()
    except ConfigError as error:
        return list(error.problems)
    except TidegateError as error:
        return [ConfigProblem("database.hostname", str(error))]
    try:
        return server_problems(Catalogue(session))
    except TidegateError as error:
        return [ConfigProblem("database.hostname", str(error))]
    finally:
        session.close()
