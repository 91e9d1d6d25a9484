"""The envelope batch: how records travel through Tidegate, as Arrow columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import pyarrow as pa

HEADERS = pa.list_(pa.struct([pa.field("key", pa.string(), nullable=False), pa.field("value", pa.binary())]))
TIMESTAMP = pa.timestamp("ms", tz="UTC")

SCHEMA_NAME = b"tidegate.schema.name"
"""Field metadata: the full name of the record type in the `key` or `value` column, for Avro and Protobuf."""
SCHEMA_ID = b"tidegate.schema.id"
"""Field metadata: the registry id the column was decoded with, as decimal text."""
SCHEMA_VERSION = b"tidegate.schema.version"
"""Field metadata: the version of the record type that a connector or a transform gave it, as decimal text."""
SEMANTIC_TYPE = b"tidegate.semantic.type"
"""Field metadata: what a plain value means, as the name Kafka Connect's schemas give it: ``io.debezium.data.Json``."""
SCHEMALESS = b"tidegate.schemaless"
"""Field metadata, ``true``: the values came without a schema and the column's type was inferred from them."""


class TopicPartition(NamedTuple):
    """A partition of a Kafka topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one topic and one schema, as columns.

    Args:
        topic: the topic the records are for or from.
        records: n rows with the columns

            - ``key``: any type; null where a record has no key,
            - ``value``: a struct for records with a schema, else string or binary; null is a tombstone,
            - ``headers``: :data:`HEADERS`; null where a record has none,
            - ``timestamp``: :data:`TIMESTAMP`, milliseconds; null lets the broker's clock stand,
            - ``partition`` (int32) and ``offset`` (int64): only on consumed records.
        consumed_from: the topic of ``partition`` and ``offset``, where a transform has changed ``topic``.
    """

    topic: str
    records: pa.RecordBatch
    consumed_from: str | None = None

    def __len__(self) -> int:
        return int(self.records.num_rows)

    @property
    def key(self) -> pa.Array:
        """The ``key`` column, n rows."""
        return self.records.column("key")

    @property
    def value(self) -> pa.Array:
        """The ``value`` column, n rows."""
        return self.records.column("value")

    @property
    def key_field(self) -> pa.Field:
        """Type and metadata of the ``key`` column."""
        return self.records.schema.field("key")

    @property
    def value_field(self) -> pa.Field:
        """Type and metadata of the ``value`` column."""
        return self.records.schema.field("value")

    @property
    def original_topic(self) -> str:
        """The topic before any transform, which ``partition`` and ``offset`` belong to (KIP-793)."""
        return self.topic if self.consumed_from is None else self.consumed_from

    def routed(self, topic: str) -> Batch:
        """The same records for another topic."""
        return replace(self, topic=topic, consumed_from=self.original_topic)

    def with_records(self, records: pa.RecordBatch) -> Batch:
        """Other records for the same topic."""
        return replace(self, records=records)

    def take(self, rows: pa.Array) -> Batch:
        """The rows named by an integer array, in that order."""
        return self.with_records(self.records.take(rows))

    def slice(self, start: int, length: int | None = None) -> Batch:
        """Rows from ``start``; shares memory."""
        return self.with_records(self.records.slice(start, length))


def envelope(
    topic: str,
    value: pa.Array,
    *,
    key: pa.Array | None = None,
    headers: pa.Array | None = None,
    timestamp: pa.Array | None = None,
    value_name: str | None = None,
    key_name: str | None = None,
) -> Batch:
    """Builds a batch for a source task from columns of equal length.

    Args:
        topic: target topic.
        value: a struct array (one field a column of the record), or string/binary.
        key: any array; all null when not given.
        headers: array of type :data:`HEADERS`.
        timestamp: array of type :data:`TIMESTAMP`.
        value_name: full name of the value's record type, such as ``public.flights``.
        key_name: full name of the key's record type.
    """
    rows = len(value)
    key = pa.nulls(rows) if key is None else key
    headers = pa.nulls(rows, HEADERS) if headers is None else headers
    timestamp = pa.nulls(rows, TIMESTAMP) if timestamp is None else timestamp
    schema = pa.schema(
        [
            pa.field("key", key.type, metadata={SCHEMA_NAME: key_name.encode()} if key_name else None),
            pa.field("value", value.type, metadata={SCHEMA_NAME: value_name.encode()} if value_name else None),
            pa.field("headers", HEADERS),
            pa.field("timestamp", TIMESTAMP),
        ]
    )
    return Batch(topic, pa.RecordBatch.from_arrays([key, value, headers, timestamp], schema=schema))


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """A batch read from a source system and the position after its last record.

    Args:
        batch: the records.
        partition: which part of the source system this is a stream of (JSON object), e.g. ``{"table": "flights"}``.
        offset: the position to resume from once this batch is committed (JSON object); None where there is none
            between this batch and the next one of the same poll, so that either both are committed or neither is.
    """

    batch: Batch
    partition: Mapping[str, Any]
    offset: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class SinkOffset:
    """A position in a topic partition that a sink is ready to commit.

    Args:
        offset: the next offset to read.
        metadata: text kept with the committed offset in Kafka (at most 4,096 bytes), given back at the next start.
    """

    offset: int
    metadata: str = field(default="")
