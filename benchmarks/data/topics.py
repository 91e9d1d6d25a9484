"""Kafka topics: made with the same settings for every system, filled, and counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from benchmarks.data.json_lines import json_lines
from benchmarks.errors import BenchmarkError
from tidegate.converters.avro import AvroConverter
from tidegate.converters.json import JsonConverter
from tidegate.registry_client import RegistryClient

PARTITIONS = 4
_DEADLINE = 30.0
_CHUNK_ROWS = 1_000
_COUNT_SECONDS = 120.0


class Topics:
    """The broker as the benchmark itself uses it.

    Args:
        bootstrap_servers: the broker.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 2})

    def make(self, topic: str, partitions: int = PARTITIONS) -> None:
        """Create an empty topic; the producer's compression is kept, records are not deleted."""
        settings = {"compression.type": "producer", "retention.ms": "-1"}
        new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=settings)
        self._admin.create_topics([new])[topic].result(_DEADLINE)

    def remove(self, topic: str) -> None:
        """Delete a topic with its data."""
        self._admin.delete_topics([topic])[topic].result(_DEADLINE)

    def visible(self, topic: str, partitions: int = PARTITIONS) -> int:
        """Offsets that a read_committed consumer may read up to, added up: records and transaction markers."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {TopicPartition(topic, each): latest for each in range(partitions)}
        found = self._admin.list_offsets(
            wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_DEADLINE
        )
        return sum(each.result(_DEADLINE).offset for each in found.values())

    def count(self, topic: str, partitions: int = PARTITIONS) -> int:
        """Committed records, by reading them all.

        Raises:
            BenchmarkError: the end was not reached in time.
        """
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "group.id": "bench-count",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "log_level": 2,
            }
        )
        try:
            consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in range(partitions)])
            records, ended, silent = 0, set[int | None](), 0.0
            while len(ended) < partitions:
                messages = consumer.consume(10_000, 1.0)
                silent = 0.0 if messages else silent + 1.0
                if silent > _COUNT_SECONDS:
                    raise BenchmarkError(f"{topic} could not be read to its end.")
                for message in messages:
                    error = message.error()
                    if error is None:
                        records += 1
                    elif error.code() == KafkaError._PARTITION_EOF:
                        ended.add(message.partition())
                    else:
                        raise KafkaException(error)
            return records
        finally:
            consumer.close()

    def fill(self, topic: str, chunks: Iterable[Sequence[bytes]], partitions: int = PARTITIONS) -> int:
        """Produce values so that every partition gets the same number, give or take a chunk; returns their bytes.

        Args:
            topic: exists.
            chunks: values.
            partitions: the topic's.
        """
        producer = Producer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "compression.type": "lz4",
                "linger.ms": 20,
                "batch.size": 1_000_000,
                "queue.buffering.max.messages": 500_000,
                "enable.idempotence": True,
                "log_level": 2,
            }
        )
        size, partition = 0, 0
        for values in chunks:
            for start in range(0, len(values), _CHUNK_ROWS):
                for value in values[start : start + _CHUNK_ROWS]:
                    size += len(value)
                    _produce(producer, topic, value, partition)
                partition = (partition + 1) % partitions
        if producer.flush(_COUNT_SECONDS):
            raise BenchmarkError(f"{topic} could not be filled.")
        return size

    def fill_json(self, topic: str, rows: pa.Table) -> int:
        """Produce rows as JSON objects; returns their bytes."""
        return self.fill(topic, json_lines(rows))

    def fill_json_with_schema(self, topic: str, rows: pa.Table) -> int:
        """Produce rows as JSON objects that hold schema and payload; returns their bytes."""
        converter = JsonConverter()
        converter.configure({"schemas.enable": "true"}, is_key=False, registry=None)
        field = pa.field("value", pa.struct(list(rows.schema)), nullable=False)
        batches = rows.to_batches(max_chunksize=50_000)
        return self.fill(
            topic, (converter.encode(topic, batch.to_struct_array(), field).data.to_pylist() for batch in batches)
        )

    def fill_avro(self, topic: str, rows: pa.Table, registry_urls: Sequence[str]) -> int:
        """Produce rows as Avro with a registered schema; returns their bytes.

        Args:
            topic: exists.
            rows: what.
            registry_urls: gRPC addresses.
        """
        with RegistryClient(registry_urls) as registry:
            converter = AvroConverter()
            converter.configure({}, is_key=False, registry=registry)
            field = pa.field("value", pa.struct(list(rows.schema)), nullable=False)

            def chunks() -> Iterable[Sequence[bytes]]:
                for batch in rows.to_batches(max_chunksize=50_000):
                    yield converter.encode(topic, batch.to_struct_array(), field).data.to_pylist()

            return self.fill(topic, chunks())


def _produce(producer: Producer, topic: str, value: bytes, partition: int) -> None:
    while True:
        try:
            producer.produce(topic, value, partition=partition)
        except BufferError:
            producer.poll(0.05)
        else:
            return
