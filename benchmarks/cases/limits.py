"""What the parts could do alone: librdkafka, the codecs, the Parquet writer, on the same data as the other cases."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from benchmarks.data.json_lines import json_file, json_lines
from benchmarks.data.tables import table
from benchmarks.data.topics import PARTITIONS, Topics
from benchmarks.errors import BenchmarkError
from benchmarks.result import Comparison, Series
from benchmarks.settings import Settings
from benchmarks.show import say
from benchmarks.stage import Stage
from benchmarks.systems.tidegate import Tidegate
from tidegate.connectors.file import FileSourceTask
from tidegate.converters.avro import AvroConverter
from tidegate.converters.json import JsonConverter
from tidegate.converters.protobuf import ProtobufConverter
from tidegate.kafka.outgoing import OutgoingRecords
from tidegate.kafka.properties import consumer_properties, producer_properties
from tidegate.kafka.record_consumer import record_consumer
from tidegate.kafka.record_producer import record_producer
from tidegate.records.envelope import TopicPartition as Place
from tidegate.registry_client import RegistryClient
from tidegate.sdk.connector_config import parse
from tidegate.sdk.plugins import Plugins

NAME = "limits"
ROWS = 300_000
_BATCH = 10_000
_FLUSH_SECONDS = 120.0

Part = Callable[[], int]
"""Does a part's work once, and tells how many rows it was."""


def run(settings: Settings) -> list[Comparison]:
    """One comparison of one side: rows a CPU-second of this process, librdkafka's threads included."""
    rows = settings.rows or ROWS
    data = (settings.data or ("orders",))[0]
    found = Comparison(NAME, f"{rows:,} rows of {data}, each part alone, rows/CPU-s", [Series("alone")])
    with ExitStack() as exits:
        stage = exits.enter_context(Stage())
        tidegate = exits.enter_context(Tidegate(stage))
        registry = exits.enter_context(RegistryClient([tidegate.registry.addresses["grpc"]]))
        for name, part in _parts(stage, registry, data, table(data, rows)).items():
            # Once unmeasured, so that caches and code are as warm as in a task that has run for a while.
            part()
            for _ in range(settings.repeats):
                cpu, began = time.process_time(), time.monotonic()
                done = part()
                used, seconds = time.process_time() - cpu, time.monotonic() - began
                found.series[0].add({name: done / used, f"{name}, per wall second": done / seconds})
            say(f"  {name}: {done / used:,.0f} rows/CPU-s")
    return [found]


def _parts(stage: Stage, registry: RegistryClient, data: str, rows: pa.Table) -> dict[str, Part]:
    topics = Topics(stage.bootstrap_servers)
    lines = [line for chunk in json_lines(rows) for line in chunk]
    structs = [batch.to_struct_array() for batch in rows.to_batches(max_chunksize=_BATCH)]
    field = pa.field("value", pa.struct(list(rows.schema)), nullable=False)
    avro, json, protobuf = AvroConverter(), JsonConverter(), ProtobufConverter()
    avro.configure({}, is_key=False, registry=registry)
    protobuf.configure({}, is_key=False, registry=registry)
    json.configure({"schemas.enable": "false"}, is_key=False, registry=None)
    encoded = [avro.encode("limits", column, field).data for column in structs]
    messages = [protobuf.encode("limits-protobuf", column, field).data for column in structs]
    values: list[bytes] = [value for chunk in encoded for value in chunk.to_pylist()]
    topics.make("limits")
    topics.fill("limits", [values])
    topics.make("limits-out")
    chunks = [pa.array(lines[start : start + _BATCH], pa.binary()) for start in range(0, len(lines), _BATCH)]
    file = str(json_file(data, rows.num_rows))
    kafka = {"bootstrap.servers": stage.bootstrap_servers}
    return {
        "confluent-kafka produce": lambda: _produce(kafka, values),
        "confluent-kafka consume": lambda: _consume(kafka, len(values)),
        "librdkafka produce, whole columns": lambda: _produce_columns(kafka, encoded),
        "librdkafka consume, whole columns": lambda: _consume_columns(kafka, len(values)),
        "Avro encode": lambda: sum(len(avro.encode("limits", column, field).data) for column in structs),
        "Avro decode": lambda: sum(len(run.values) for chunk in encoded for run in avro.decode("limits", chunk).runs),
        "Protobuf encode": lambda: sum(
            len(protobuf.encode("limits-protobuf", column, field).data) for column in structs
        ),
        "Protobuf decode": lambda: sum(
            len(run.values) for chunk in messages for run in protobuf.decode("limits-protobuf", chunk).runs
        ),
        "JSON lines to columns": lambda: _read_lines(file, rows.num_rows),
        "JSON decode": lambda: sum(len(run.values) for chunk in chunks for run in json.decode("limits", chunk).runs),
        "Parquet zstd": lambda: _write_parquet(rows),
    }


def _produce(kafka: dict[str, str], values: list[bytes]) -> int:
    producer = Producer(producer_properties(kafka, "bench-limits", {}))
    producer.init_transactions(_FLUSH_SECONDS)
    for start in range(0, len(values), _BATCH):
        producer.begin_transaction()
        for value in values[start : start + _BATCH]:
            producer.produce("limits-out", value)
        producer.commit_transaction(_FLUSH_SECONDS)
    return len(values)


def _consume(kafka: dict[str, str], count: int) -> int:
    consumer = Consumer(consumer_properties(kafka, "bench-limits", {}))
    try:
        consumer.assign([TopicPartition("limits", each, OFFSET_BEGINNING) for each in range(PARTITIONS)])
        seen = 0
        while seen < count:
            seen += sum(1 for message in consumer.consume(_BATCH, 0.5) if message.value())
        return seen
    finally:
        consumer.close()


def _produce_columns(kafka: dict[str, str], columns: list[pa.Array]) -> int:
    producer = record_producer(producer_properties(kafka, "bench-limits", {}))
    try:
        producer.init_transactions(_FLUSH_SECONDS)
        for values in columns:
            producer.begin_transaction()
            start = 0
            while start < len(values):
                start, _ = producer.queue(OutgoingRecords("limits-out", values), start)
                if start < len(values):
                    producer.poll(0.05)
            producer.commit_transaction(_FLUSH_SECONDS)
    finally:
        producer.close()
    return sum(map(len, columns))


def _consume_columns(kafka: dict[str, str], count: int) -> int:
    consumer = record_consumer(kafka, "bench-limits", {})
    try:
        consumer.assign({Place("limits", each): OFFSET_BEGINNING for each in range(PARTITIONS)})
        seen = 0
        while seen < count:
            seen += sum(len(batch) for batch in consumer.consume(_BATCH, 0.5).batches)
        return seen
    finally:
        consumer.close()


class _Context:
    """A source task's context without a worker."""

    connector = "limits"
    task = 0

    def __init__(self) -> None:
        self.stopping = threading.Event()

    def offset(self, partition: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return None

    def lag(self, *, nbytes: int | None = None, seconds: float | None = None) -> None:
        return None

    def halt(self, topic: str, raw: bytes, message: str, exception: str = "DataException") -> None:
        raise BenchmarkError(message)


def _read_lines(file: str, count: int) -> int:
    config = {"name": "limits", "connector.class": "file-source", "file": file, "topic": "limits"}
    task = FileSourceTask()
    task.start(parse(Plugins.installed().find("file-source"), config), _Context())
    try:
        seen = 0
        while seen < count:
            seen += sum(len(each.batch) for each in task.poll())
        return seen
    finally:
        task.stop()


def _write_parquet(rows: pa.Table) -> int:
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, rows.schema, compression="zstd") as writer:
        for batch in rows.to_batches(max_chunksize=_BATCH * 10):
            writer.write_batch(batch)
    return int(rows.num_rows)
