"""Records on their way to Kafka, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

KafkaHeaders = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class OutgoingRecords:
    """n records for one topic.

    Args:
        topic: where to.
        values: binary array; null is a tombstone.
        keys: binary array; a record's key decides its partition when none is given.
        headers: array of :data:`tidegate.records.envelope.HEADERS`.
        timestamps: array of :data:`tidegate.records.envelope.TIMESTAMP`; null is now.
        common: headers that every record gets after its own.
        skip: rows to leave out, ascending.
        partition: -1 leaves it to the key.
    """

    topic: str
    values: pa.Array
    keys: pa.Array | None = None
    headers: pa.Array | None = None
    timestamps: pa.Array | None = None
    common: Sequence[tuple[str, bytes | None]] = ()
    skip: Sequence[int] = ()
    partition: int = -1
