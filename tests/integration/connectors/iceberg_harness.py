"""Runs tasks of the Iceberg sink as workers would, over a real broker, catalog and store, with a crash anywhere."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.table import Table

from tests.conftest import TEST_BUCKET, TEST_LAKE
from tests.integration.connectors.sink_harness import MemorySinkContext
from tidegate.connectors.iceberg import IcebergSinkConnector, IcebergSinkTask
from tidegate.connectors.iceberg.catalog import catalog_properties
from tidegate.connectors.iceberg.committer import Committer
from tidegate.devstack import ApacheKafka, SeaweedFS, Tansu
from tidegate.kafka.record_consumer import record_consumer
from tidegate.kafka.topics import TopicAdmin
from tidegate.kafka.transactions import TransactionalProducer
from tidegate.records.envelope import HEADERS, TIMESTAMP, Batch, SinkOffset, TopicPartition

TOPIC = "orders"
_DEADLINE = 30.0
_NO_TASK = 99


def rest_catalog(store: SeaweedFS) -> dict[str, str]:
    """Configuration of SeaweedFS's REST catalog."""
    keys = {
        "type": "rest",
        "uri": store.iceberg_url,
        "warehouse": f"s3://{TEST_LAKE}",
        "rest.sigv4-enabled": "true",
        "rest.signing-name": "s3tables",
        "rest.signing-region": store.region,
        "client.access-key-id": store.access_key,
        "client.secret-access-key": store.secret_key,
        "client.region": store.region,
        **_s3(store),
    }
    return {f"iceberg.catalog.{key}": value for key, value in keys.items()}


def sql_catalog(store: SeaweedFS, directory: Path) -> dict[str, str]:
    """Configuration of a SQL catalog in SQLite, its tables in the object store."""
    keys = {
        "type": "sql",
        "uri": f"sqlite:///{directory / 'catalog.db'}",
        "warehouse": f"s3://{TEST_BUCKET}/warehouse-{uuid.uuid4().hex[:8]}",
        **_s3(store),
    }
    return {f"iceberg.catalog.{key}": value for key, value in keys.items()}


class Lakehouse:
    """A broker, a catalog and one connector of a test.

    Args:
        catalog: configuration of the catalog.
        store: the object store.
        broker: the broker.
    """

    def __init__(self, catalog: Mapping[str, str], store: SeaweedFS, broker: Tansu | ApacheKafka) -> None:
        self.namespace = f"ns{uuid.uuid4().hex[:8]}"
        self.connector = f"lake-{uuid.uuid4().hex[:8]}"
        self.kafka = {"bootstrap.servers": broker.bootstrap_servers}
        self.table_name = f"{self.namespace}.orders"
        self.keys = {
            **catalog,
            "iceberg.tables": self.table_name,
            "iceberg.tables.auto-create-enabled": "true",
            "iceberg.control.commit.interval-ms": "500",
        }
        self.catalog: Catalog = load_catalog("iceberg", **catalog_properties(catalog))
        self._store = store
        self._epoch = 0
        TopicAdmin(self.kafka).ensure(TOPIC, partitions=4)

    def config(self, keys: Mapping[str, str]) -> dict[str, str]:
        """The configuration with further keys."""
        return {**self.keys, **keys}

    def start(
        self,
        *partitions: TopicPartition,
        task: int = 1,
        tolerant: bool = False,
        keys: Mapping[str, str] | None = None,
    ) -> RunningTask:
        """Starts a task as the holder of a newer claim. Only task 0 commits to tables by itself."""
        self._epoch += 1
        return RunningTask(self, partitions, task, self._epoch, tolerant, self.config(keys or {}))

    def table(self, name: str | None = None) -> Table:
        """A table as it is now."""
        return self.catalog.load_table(name or self.table_name)

    def rows(self, name: str | None = None) -> list[dict[str, Any]]:
        """The rows of a table, read by PyIceberg, by their first column."""
        found = self.table(name).scan().to_arrow().to_pylist()
        return sorted(found, key=lambda row: next(iter(row.values())))

    def ids(self, name: str | None = None) -> list[int]:
        """The column ``id`` of a table, sorted."""
        return [row["id"] for row in self.rows(name)]

    def snapshots(self, name: str | None = None) -> list[Mapping[str, str]]:
        """The summaries of a table's snapshots, oldest first."""
        table = self.table(name)
        return [each.summary.additional_properties for each in table.metadata.snapshots if each.summary is not None]

    def duckdb_rows(self, columns: str, name: str | None = None) -> list[tuple[Any, ...]]:
        """Columns of a table as DuckDB's own Iceberg reader sees it, sorted."""
        with duckdb.connect(config={"allow_unsigned_extensions": "true"}) as connection:
            for extension in ("httpfs", "avro", "iceberg"):
                place = files(f"duckdb_extension_{extension}") / f"extensions/v{duckdb.__version__}"
                connection.execute(f"LOAD '{place / f'{extension}.duckdb_extension'}'")
            connection.execute(
                "CREATE SECRET (TYPE s3, KEY_ID ?, SECRET ?, REGION ?, ENDPOINT ?, USE_SSL false, URL_STYLE 'path')",
                [
                    self._store.access_key,
                    self._store.secret_key,
                    self._store.region,
                    self._store.endpoint_url.removeprefix("http://"),
                ],
            )
            location = self.table(name).metadata_location
            return connection.execute(f"SELECT {columns} FROM iceberg_scan('{location}') ORDER BY ALL").fetchall()

    def files_below(self, name: str | None = None) -> set[str]:
        """Every object below a table's location."""
        location = self.table(name).location().removeprefix("s3://")
        bucket, _, prefix = location.partition("/")
        pages = self._store.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        return {item["Key"].rpartition("/")[2] for page in pages for item in page.get("Contents", [])}

    def commit_all(self) -> None:
        """Has a committer of its own commit what the control topic holds."""
        with self.committer() as committer:
            while committer.read(1.0):
                pass
            committer.commit()

    @contextmanager
    def committer(self) -> Iterator[Committer]:
        """A committer, as task 0 makes it, to be driven by hand."""
        running = self.start(task=_NO_TASK)
        assert running.task.writer is not None
        reader, committer = running.task.writer.make_committer()
        with reader:
            yield committer
        running.close()


class RunningTask:
    """One task between its start and its end; dropping it is a crash.

    Args:
        lakehouse: where.
        partitions: what it reads.
        task: its number.
        epoch: its claim's epoch.
        tolerant: whether halted records are kept.
        config: the connector's configuration.
    """

    def __init__(
        self,
        lakehouse: Lakehouse,
        partitions: Sequence[TopicPartition],
        task: int,
        epoch: int,
        tolerant: bool,
        config: Mapping[str, str],
    ) -> None:
        self.producer = TransactionalProducer(lakehouse.kafka, f"{lakehouse.connector}-{task}")
        self.producer.init()
        self._consumer = record_consumer(lakehouse.kafka, f"connect-{lakehouse.connector}", {})
        self.context = MemorySinkContext(lakehouse.connector, epoch, tolerant=tolerant)
        self.context.task = task
        self.context.kafka = lakehouse.kafka
        self.context.stopping = threading.Event()
        self.positions: dict[TopicPartition, int] = {}
        self.committed = self._read_committed(partitions)
        self.task = IcebergSinkTask()
        self.task.start(IcebergSinkConnector.config_def.parse(dict(config)), self.context)
        self.task.open({where: self.committed.get(where) for where in partitions})

    def start_of(self, where: TopicPartition) -> int:
        """Where to read from."""
        found = self.committed.get(where)
        return found.offset if found is not None else 0

    def put(self, batch: Batch) -> None:
        """Gives a batch and moves the positions."""
        self.task.put(batch)
        for row in batch.records.select(["partition", "offset"]).to_pylist():
            self.positions[TopicPartition(batch.topic, row["partition"])] = row["offset"] + 1

    def prepare(self, *, closing: bool = True) -> Mapping[TopicPartition, SinkOffset]:
        """First half of a commit."""
        self.context.sent = []
        return self.task.pre_commit(dict(self.positions), closing=closing)

    def kafka_commit(self, offsets: Mapping[TopicPartition, SinkOffset]) -> None:
        """The transaction: what the task sent, and the offsets."""
        self.producer.begin()
        for topic, value, key in self.context.sent:
            self.producer.produce(topic, value, key)
        self.producer.send_offsets(offsets, self._consumer)
        self.producer.commit()
        self.committed.update(offsets)

    def commit(self, *, closing: bool = True) -> Mapping[TopicPartition, SinkOffset]:
        """A whole commit cycle of the task; tables are for the committer."""
        offsets = self.prepare(closing=closing)
        if offsets:
            self.kafka_commit(offsets)
            self.task.committed(offsets)
        return offsets

    def close(self) -> None:
        """Ends it in good order."""
        self.task.stop()
        self.producer.close()
        self._consumer.close()

    def _read_committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, SinkOffset]:
        if not partitions:
            return {}
        found = self._consumer.committed(partitions, _DEADLINE)
        return {where: offset for where, offset in found.items() if offset is not None}


def keyed_batch(
    keys: Sequence[Any],
    values: Sequence[Any],
    key_type: pa.DataType,
    value_type: pa.DataType,
    *,
    first_offset: int = 0,
    partition: int = 0,
    topic: str = TOPIC,
) -> Batch:
    """Records with keys, as a worker gives them to a sink."""
    rows = len(values)
    columns = [
        pa.array(keys, key_type),
        pa.array(values, value_type),
        pa.nulls(rows, HEADERS),
        pa.array([1_700_000_000_000] * rows, pa.int64()).cast(TIMESTAMP),
        pa.array([partition] * rows, pa.int32()),
        pa.array(range(first_offset, first_offset + rows), pa.int64()),
    ]
    names = ["key", "value", "headers", "timestamp", "partition", "offset"]
    return Batch(topic, pa.RecordBatch.from_arrays(columns, names=names))


def _s3(store: SeaweedFS) -> dict[str, str]:
    return {
        "s3.endpoint": store.endpoint_url,
        "s3.region": store.region,
        "s3.access-key-id": store.access_key,
        "s3.secret-access-key": store.secret_key,
    }
