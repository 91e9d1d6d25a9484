"""A topic as any read_committed consumer with any registry client finds it."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence
from typing import Any

import fastavro
import httpx
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from tests.chaos.ledger import LedgerRow
from tests.support.eventually import eventually

_DEADLINE = 60.0


class Topic:
    """Reads Avro records of one topic, from its beginning to its present end.

    Args:
        bootstrap_servers: brokers.
        registry_urls: replicas of the registry.
        name: the topic.
    """

    def __init__(self, bootstrap_servers: str, registry_urls: Sequence[str], name: str) -> None:
        self.name = name
        self._bootstrap_servers = bootstrap_servers
        self._registry_urls = registry_urls
        self._schemas: dict[int, Any] = {}

    def rows(self) -> list[list[LedgerRow]]:
        """The rows of each partition in order."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "group.id": "chaos-reader",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "log_level": 2,
            }
        )
        try:
            partitions = sorted(consumer.list_topics(self.name, timeout=10).topics[self.name].partitions)
            consumer.assign([TopicPartition(self.name, each, OFFSET_BEGINNING) for each in partitions])
            found: dict[int, list[LedgerRow]] = {each: [] for each in partitions}
            at_end: set[int] = set()

            def drain() -> bool:
                for message in consumer.consume(5_000, 0.2):
                    failure = message.error()
                    if failure is None:
                        found[message.partition() or 0].append(self._row(message.value() or b""))
                    elif failure.code() == KafkaError._PARTITION_EOF:
                        at_end.add(message.partition() or 0)
                return len(at_end) == len(partitions)

            eventually(drain, timeout=_DEADLINE, interval=0, message=f"the end of {self.name}")
            return list(found.values())
        finally:
            consumer.close()

    def _row(self, value: bytes) -> LedgerRow:
        magic, schema_id = struct.unpack(">bI", value[:5])
        assert magic == 0
        if schema_id not in self._schemas:
            self._schemas[schema_id] = fastavro.parse_schema(self._fetch_schema(schema_id))
        record: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), self._schemas[schema_id], None)
        return LedgerRow(record["id"], record["note"])

    def _fetch_schema(self, schema_id: int) -> Any:
        for url in self._registry_urls:
            try:
                answer = httpx.get(f"{url}/schemas/ids/{schema_id}", timeout=10, trust_env=False)
            except httpx.HTTPError:
                continue
            return json.loads(answer.json()["schema"])
        raise AssertionError("no registry answers")
