"""Databases for connectors, one of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.connectors.target_database import (
    TargetDatabase,
    mariadb_target,
    postgres_target,
    sqlite_target,
)
from tidegate.devstack import MariaDB, Postgres


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TargetDatabase]:
    """An empty database of each kind in turn."""
    match request.param:
        case "postgresql":
            found = postgres_target(request.getfixturevalue("postgres"))
        case "mariadb":
            found = mariadb_target(request.getfixturevalue("mariadb"))
        case _:
            found = sqlite_target(tmp_path)
    yield found
    found.close()


@pytest.fixture
def on_postgres(postgres: Postgres) -> Iterator[TargetDatabase]:
    """An empty database of PostgreSQL."""
    found = postgres_target(postgres)
    yield found
    found.close()


@pytest.fixture
def on_mariadb(mariadb: MariaDB) -> Iterator[TargetDatabase]:
    """An empty database of MariaDB."""
    found = mariadb_target(mariadb)
    yield found
    found.close()
