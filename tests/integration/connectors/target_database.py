"""The databases that a JDBC sink is tested on, each behind the same few calls."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg

from tidegate.devstack import MariaDB, Postgres


class TargetDatabase:
    """An empty database and a connection to it in autocommit mode.

    Args:
        kind: ``postgresql``, ``mariadb`` or ``sqlite``.
        config: a connector's keys to reach it.
        connect: opens a connection.
    """

    def __init__(self, kind: str, config: dict[str, str], connect: Callable[[], Any]) -> None:
        self.kind = kind
        self.config = config
        self.connect = connect
        self._connection = connect()

    def run(self, statement: str) -> None:
        """Runs a statement; names in double quotes, in the database's own if it has others."""
        cursor = self._connection.cursor()
        cursor.execute(self.quoted(statement))
        cursor.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        cursor = self._connection.cursor()
        cursor.execute(self.quoted(query))
        found = [tuple(row) for row in cursor.fetchall()]
        cursor.close()
        return found

    def one(self, query: str) -> list[Any]:
        """The first column of a query."""
        return [row[0] for row in self.rows(query)]

    def pick(self, **by_kind: Any) -> Any:
        """What differs between the databases."""
        return by_kind[self.kind]

    def quoted(self, statement: str) -> str:
        """A statement with its names in the database's quotes."""
        return statement.replace('"', "`") if self.kind == "mariadb" else statement

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def postgres_target(server: Postgres) -> TargetDatabase:
    """A new database in a server."""
    name = fresh_name()
    server.create_database(name)
    url = f"jdbc:postgresql://{server.host}:{server.port('postgres')}/{name}"
    config = {"connection.url": url, "connection.user": server.user, "connection.password": server.password}
    return TargetDatabase("postgresql", config, lambda: psycopg.connect(server.url(name), autocommit=True))


def mariadb_target(server: MariaDB) -> TargetDatabase:
    """A new database in a server."""
    name = fresh_name()
    server.create_database(name)
    url = f"jdbc:mariadb://{server.host}:{server.port('mariadb')}/{name}"
    config = {"connection.url": url, "connection.user": server.user, "connection.password": server.password}
    return TargetDatabase("mariadb", config, lambda: server.connect(name))


def sqlite_target(directory: Path) -> TargetDatabase:
    """A new file."""
    path = directory / "target.db"
    config = {"connection.url": f"jdbc:sqlite:{path}"}
    return TargetDatabase("sqlite", config, lambda: sqlite3.connect(path, isolation_level=None, timeout=10))


def fresh_name() -> str:
    """A name for a database of one test."""
    return f"sink_{uuid.uuid4().hex[:12]}"


def values(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows with what drivers give in their own forms made alike."""
    return [[bytes(value) if isinstance(value, (bytearray, memoryview)) else value for value in row] for row in rows]
