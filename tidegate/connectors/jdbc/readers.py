"""Which reader a configuration asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.connectors.jdbc.bulk_reader import BulkReader
from tidegate.connectors.jdbc.chunk_reader import ChunkReader
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.incrementing_reader import IncrementingReader
from tidegate.connectors.jdbc.keys import BULK, INCREMENTING
from tidegate.connectors.jdbc.position_reader import PositionReader
from tidegate.connectors.jdbc.reader import Reader
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.timestamp_reader import TimestampReader
from tidegate.sdk.config_def import Config


def reader(database: Database, relation: Relation, config: Config, offset: Mapping[str, Any] | None) -> Reader:
    """The reader for a configuration's mode.

    Args:
        database: where the relation is.
        relation: what to read.
        config: the connector's configuration.
        offset: where to go on; None at the first start.

    Raises:
        RetriableError: the database is away.
        FatalError: a column is missing or of the wrong type.
    """
    if config["mode"] == BULK:
        if config["bulk.chunks"]:
            return ChunkReader(database, relation, config, offset)
        return BulkReader(database, relation, config)
    kind: type[IncrementingReader | TimestampReader] = (
        IncrementingReader if config["mode"] == INCREMENTING else TimestampReader
    )
    found: PositionReader = kind(database, relation, config, offset)
    if not config["transaction.horizon"]:
        return found
    # What speaks of PostgreSQL's transactions is needed there alone.
    from tidegate.connectors.jdbc.horizon_reader import HorizonReader

    return HorizonReader(found, config, offset)
