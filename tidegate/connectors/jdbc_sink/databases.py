"""The database a configuration names, and its dialect."""

from __future__ import annotations

from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.url import parse_url
from tidegate.connectors.jdbc_sink.dialect import Dialect
from tidegate.connectors.jdbc_sink.mariadb import MariaDB
from tidegate.connectors.jdbc_sink.postgresql import PostgreSQL
from tidegate.connectors.jdbc_sink.sqlite import SQLite
from tidegate.sdk.config_def import Config


def database_from_config(config: Config, *, connect_timeout_ms: int | None = None) -> Database:
    """The database.

    Args:
        config: the connector's configuration.
        connect_timeout_ms: instead of the configured deadline for connecting.

    Raises:
        FatalError: the driver for it is not installed.
    """
    user = config["connection.user"] or config["connection.username"]
    return Database(
        parse_url(config["connection.url"], user, config["connection.password"]),
        connect_timeout_ms=connect_timeout_ms or config["connection.timeout.ms"],
        statement_timeout_ms=config["statement.timeout.ms"],
    )


def dialect_of(backend: str, config: Config) -> Dialect:
    """The dialect of a kind of database.

    Args:
        backend: as SQLAlchemy names it.
        config: the connector's configuration.
    """
    quoted = config["quote.sql.identifiers"] == "always"
    if backend == "postgresql":
        return PostgreSQL(quoted=quoted)
    if backend == "sqlite":
        return SQLite(quoted=quoted)
    return MariaDB(quoted=quoted, product=backend)
