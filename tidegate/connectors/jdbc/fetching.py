"""Which way of fetching a kind of database has."""

from __future__ import annotations

from tidegate.connectors.jdbc.catalogue import Catalogue
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.fetch import CursorFetch, Fetch
from tidegate.sdk.config_def import Config


def fetch(database: Database, catalogue: Catalogue, config: Config) -> Fetch:
    """The way to fetch rows from a kind of database.

    Args:
        database: where the relation is.
        catalogue: the relation's columns.
        config: the connector's configuration.
    """
    # Drivers are imported where their database is used.
    if database.backend == "postgresql":
        from tidegate.connectors.jdbc.postgres.fetch import PostgresFetch

        return PostgresFetch(database, catalogue, copy=config["postgres.copy"])
    if database.backend == "oracle":
        from tidegate.connectors.jdbc.oracle.fetch import OracleFetch

        return OracleFetch(database, catalogue, arrow=config["oracle.arrow"])
    return CursorFetch(database, catalogue)
