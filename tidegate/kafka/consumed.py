"""Consumed records, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from confluent_kafka import KafkaError

from tidegate.records.envelope import HEADERS, TIMESTAMP, Batch

CONSUMED = pa.schema(
    [
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", HEADERS),
        pa.field("timestamp", TIMESTAMP),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
    ]
)
"""Columns of consumed records whose keys and values are not decoded yet."""


@dataclass(frozen=True, slots=True)
class Consumed:
    """What a consumer was given at a time.

    Args:
        batches: records by topic, of schema :data:`CONSUMED`; those of a partition in offset order.
        errors: what librdkafka reports between the records.
    """

    batches: Sequence[Batch]
    errors: Sequence[KafkaError] = ()
