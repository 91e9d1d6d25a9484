"""The Avro schemas that a topic's events get, and what a reader with the last one makes of older events."""

from __future__ import annotations

import itertools
from typing import Any

import pyarrow as pa
from tidegate_registry.schemas.avro import AvroSchema
from tidegate_registry.schemas.incompatibility import Sides

from tests.integration.connectors.source_harness import SourceHarness
from tests.unit.converters.memory_registry import MemoryRegistry
from tidegate.converters.avro import AvroConverter
from tidegate.records.avro_codec import avro_codec
from tidegate.records.avro_schema import parse_schema
from tidegate.records.wire_format import HEADER_SIZE


class SchemaVersions:
    """What a registry with the level BACKWARD gets of a topic's events.

    Args:
        harness: has run.
        topic: which.
    """

    def __init__(self, harness: SourceHarness, topic: str) -> None:
        converter = AvroConverter()
        registry = MemoryRegistry()
        converter.configure({}, is_key=False, registry=registry.client)
        self._data = [
            (one.batch.key, converter.encode(topic, one.batch.value, one.batch.value_field).data)
            for one in harness.committed
            if one.batch.topic == topic
        ]
        self.texts = [one.schema.text for one in registry.subjects[f"{topic}-value"]]
        self._by_id = {one.id: one.schema.text for one in registry.subjects[f"{topic}-value"]}

    def refused(self) -> list[str]:
        """Why versions can not follow their predecessors."""
        parsed = [AvroSchema(text, []) for text in self.texts]
        return [
            str(one)
            for number, (old, new) in enumerate(itertools.pairwise(parsed), 1)
            for one in new.find_unreadable(old, Sides.backward(number))
        ]

    def rows(self) -> dict[Any, Any]:
        """The last row of each key, read with the last version."""
        reader = parse_schema(self.texts[-1])
        found: dict[Any, Any] = {}
        for keys, data in self._data:
            for key, datum in zip(keys.to_pylist(), data.to_pylist(), strict=True):
                if datum is None:
                    continue
                writer = parse_schema(self._by_id[int.from_bytes(datum[1:HEADER_SIZE], "big")])
                (event,) = (
                    avro_codec()
                    .decoder(writer, reader)
                    .decode(pa.array([datum], pa.binary()), HEADER_SIZE)
                    .values.to_pylist()
                )
                found[tuple(key.values())] = event["after"]
        return found
