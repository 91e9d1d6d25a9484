"""Records of the beginning and end of transactions: ``provide.transaction.metadata``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from tidegate.connectors.cdc.topic_names import TopicNames
from tidegate.records.envelope import SCHEMA_NAME, Batch, envelope

_COUNT = pa.field(
    "item",
    pa.struct(
        [
            pa.field("data_collection", pa.string(), nullable=False),
            pa.field("event_count", pa.int64(), nullable=False),
        ]
    ),
    nullable=False,
    metadata={SCHEMA_NAME: b"event.collection"},
)
_VALUE = pa.struct(
    [
        pa.field("status", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("event_count", pa.int64()),
        pa.field("data_collections", pa.list_(_COUNT)),
        pa.field("ts_ms", pa.int64(), nullable=False),
    ]
)
_KEY = pa.struct([pa.field("id", pa.string(), nullable=False)])
_NAME = "io.debezium.connector.common.TransactionMetadataValue"
_KEY_NAME = "io.debezium.connector.common.TransactionMetadataKey"


@dataclass(slots=True)
class EventCounts:
    """How many events of a transaction there have been, in all and by table."""

    total: int = 0
    tables: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TransactionMark:
    """The beginning or the end of a transaction.

    Args:
        id: as in the ``transaction`` block of its events.
        ts_ms: when it was committed.
        tables: at its end, the number of its events by table; None at its beginning.
    """

    id: str
    ts_ms: int
    tables: Mapping[str, int] | None = None


def transaction_batch(names: TopicNames, marks: Sequence[TransactionMark]) -> Batch:
    """The records of marks, in order."""
    rows = [
        {
            "status": "BEGIN" if mark.tables is None else "END",
            "id": mark.id,
            "event_count": None if mark.tables is None else sum(mark.tables.values()),
            "data_collections": None
            if mark.tables is None
            else [{"data_collection": name, "event_count": count} for name, count in mark.tables.items()],
            "ts_ms": mark.ts_ms,
        }
        for mark in marks
    ]
    key = pa.array([{"id": mark.id} for mark in marks], _KEY)
    return envelope(names.transactions, pa.array(rows, _VALUE), key=key, value_name=_NAME, key_name=_KEY_NAME)
