"""When records became visible to a read_committed consumer."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import fastavro
import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from tidegate.registry_client import RegistryClient

_HEADER = 5
_POLL_SECONDS = 0.1


class Arrivals:
    """Reads a topic of one partition and notes the moment of each record; decodes later, to lose no time.

    Args:
        bootstrap_servers: the broker.
        topic: exists, with one partition.
    """

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "bench-arrivals",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.min.bytes": 1,
                "log_level": 2,
            }
        )
        self._consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        self.seen: list[tuple[int, bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def read(self, count: int, timeout: float, alive: Callable[[], None] = lambda: None) -> bool:
        """Read until so many records were seen; returns whether they were in time.

        Args:
            count: records, those seen before included.
            timeout: seconds.
            alive: called while nothing comes; raises when waiting is useless.
        """
        deadline = time.monotonic() + timeout
        poll, seen, now = self._consumer.poll, self.seen, time.time_ns
        while len(seen) < count:
            message = poll(_POLL_SECONDS)
            if message is None:
                alive()
                if time.monotonic() > deadline:
                    return False
                continue
            if message.error() is not None:
                raise KafkaException(message.error())
            seen.append((now(), message.value() or b""))
        return True


def milliseconds(
    seen: list[tuple[int, bytes]], registry_urls: list[str] | None, field: Sequence[str] = ("sent",)
) -> list[float]:
    """From the moment a record's field names to that of its arrival.

    Args:
        seen: moments and values.
        registry_urls: where the values are Avro: registries that know their schemas.
        field: names on the way to the field.
    """
    if registry_urls is None:
        return [(at - _found(orjson.loads(value), field)) / 1e6 for at, value in seen]
    found = []
    with RegistryClient(registry_urls) as registry:
        schemas: dict[int, Any] = {}
        for at, value in seen:
            known = int.from_bytes(value[1:_HEADER], "big")
            if known not in schemas:
                schemas[known] = fastavro.parse_schema(orjson.loads(registry.get_by_id(known).text))
            record: Any = fastavro.schemaless_reader(io.BytesIO(value[_HEADER:]), schemas[known], None)
            found.append((at - _found(record, field)) / 1e6)
    return found


def _found(record: Any, field: Sequence[str]) -> int:
    for name in field:
        record = record[name]
    return int(record)
