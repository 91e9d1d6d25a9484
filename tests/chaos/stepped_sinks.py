"""Sinks and the steps each takes between reading records and having committed them, as its servers see them."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from typing import NamedTuple

from tests.chaos.tripwire import HttpFrames, KafkaFrames, MakeFrames, MysqlFrames, PostgresFrames, Tripwire
from tests.conftest import TEST_BUCKET
from tests.integration.connectors.iceberg_harness import Lakehouse, rest_catalog
from tests.integration.connectors.lake import Lake
from tests.integration.connectors.search_index import SearchIndex
from tests.integration.connectors.target_database import TargetDatabase
from tidegate.devstack import ApacheKafka, OpenSearch, SeaweedFS, Tansu

VALUES = (
    '{"type":"record","name":"Row","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"]}]}'
)


class Step(NamedTuple):
    """A request.

    Args:
        server: the wire it goes over: ``kafka``, ``s3``, ``catalog``, ``database`` or ``search``.
        request: finds its label.
    """

    server: str
    request: str


_IN_KAFKA = (Step("kafka", "AddOffsetsToTxn"), Step("kafka", "TxnOffsetCommit"), Step("kafka", "EndTxn"))


class SteppedSink(ABC):
    """One kind of sink behind wires; each step has a connector of its own, with a topic and a target of its own.

    Args:
        broker: the broker.
    """

    steps: Sequence[Step]

    def __init__(self, broker: Tansu | ApacheKafka) -> None:
        self.prefix = f"step{uuid.uuid4().hex[:6]}"
        self._stack = ExitStack()
        self.wires: dict[str, Tripwire] = {}
        self.add_wire("kafka", broker.bootstrap_servers, KafkaFrames)

    def __enter__(self) -> SteppedSink:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add_wire(self, name: str, address: str, frames: MakeFrames) -> str:
        """Puts a wire before a server and returns the address to use."""
        port = int(address.rpartition(":")[2].split("/")[0])
        wire = self.wires[name] = self._stack.enter_context(Tripwire(port, frames))
        return address.replace(str(port), str(wire.port))

    def names(self) -> list[str]:
        """A connector for each step, in order."""
        return [f"{self.prefix}x{number}x" for number in range(len(self.steps))]

    @abstractmethod
    def config(self, name: str) -> Mapping[str, str]:
        """A connector's configuration, topics aside."""

    @abstractmethod
    def ids(self, name: str) -> list[int]:
        """The numbers in a connector's target, as any reader finds them."""


class SteppedS3(SteppedSink):
    """The S3 sink."""

    steps = (
        Step("s3", r"^POST .*\?uploads"),
        Step("s3", r"^PUT .*partNumber="),
        Step("s3", r"^PUT .*/manifests/.* \[(?!24\])"),
        *_IN_KAFKA,
        Step("s3", r"^POST .*uploadId="),
        Step("s3", r"^PUT .*/manifests/.* \[24\]"),
        Step("s3", r"^DELETE .*/manifests/"),
    )

    def __init__(self, broker: Tansu | ApacheKafka, store: SeaweedFS) -> None:
        super().__init__(broker)
        self._url = self.add_wire("s3", store.endpoint_url, HttpFrames)
        self._lake = Lake(store)

    def config(self, name: str) -> Mapping[str, str]:
        return {
            **self._lake.config,
            "store.url": self._url,
            "connector.class": "s3-sink",
            "topics.dir": f"{self._lake.prefix}/{name}",
            "flush.size": "20",
            "rotate.schedule.interval.ms": "1000",
        }

    def ids(self, name: str) -> list[int]:
        prefix = f"{self._lake.prefix}/{name}"
        pages = self._lake.client.get_paginator("list_objects_v2").paginate(Bucket=TEST_BUCKET, Prefix=f"{prefix}/")
        keys = [item["Key"] for page in pages for item in page.get("Contents", []) if "/_tidegate/" not in item["Key"]]
        return sorted(
            id_ for key in keys for id_ in self._lake.table(key.removeprefix(f"{self._lake.prefix}/"))["id"].to_pylist()
        )


class SteppedJdbc(SteppedSink):
    """The JDBC sink.

    Args:
        broker: the broker.
        target: an empty database in PostgreSQL or MariaDB.
    """

    steps: Sequence[Step] = (
        Step("database", r"^BEGIN"),
        Step("database", r"^(INSERT INTO|COPY) \"?step"),
        Step("database", r"^UPDATE .*tidegate_offsets.* SET next_offset"),
        Step("database", r"^COMMIT"),
        *_IN_KAFKA,
        Step("database", r"^UPDATE .*tidegate_offsets.* SET committed_offset"),
    )

    def __init__(self, broker: Tansu | ApacheKafka, target: TargetDatabase) -> None:
        super().__init__(broker)
        self._target = self._stack.enter_context(closing(target))
        frames = PostgresFrames if target.kind == "postgresql" else MysqlFrames
        self._keys = {
            **target.config,
            "connector.class": "jdbc-sink",
            "connection.url": self.add_wire("database", target.config["connection.url"], frames),
            "auto.create": "true",
            "offset.flush.interval.ms": "200",
        }

    def config(self, name: str) -> Mapping[str, str]:
        return {**self._keys, "table.name.format": name}

    def ids(self, name: str) -> list[int]:
        return self._target.one(f'SELECT id FROM "{name}" ORDER BY id')


class SteppedMariaDb(SteppedJdbc):
    """The same into MariaDB, at the steps that are other requests there."""

    steps = (
        Step("database", r"^INSERT INTO `step"),
        Step("database", r"^UPDATE .*tidegate_offsets.* SET next_offset"),
        Step("database", r"^COMMIT"),
    )


class SteppedSearch(SteppedSink):
    """The OpenSearch sink."""

    steps = (Step("search", r"^POST /_bulk"), Step("kafka", "EndTxn"))

    def __init__(self, broker: Tansu | ApacheKafka, node: OpenSearch) -> None:
        super().__init__(broker)
        self._index = self._stack.enter_context(closing(SearchIndex(node.url)))
        self._keys = {
            "connector.class": "opensearch-sink",
            "connection.url": self.add_wire("search", node.url, HttpFrames),
            "key.ignore": "true",
            # One connection, which asked for its index by name before: so a request can be told to be whose.
            "max.in.flight.requests": "1",
            "max.connection.idle.time.ms": "600000",
            "offset.flush.interval.ms": "200",
        }

    def config(self, name: str) -> Mapping[str, str]:
        return {**self._keys, "index.name.format": name}

    def ids(self, name: str) -> list[int]:
        return sorted(hit["_source"]["id"] for hit in self._index.hits(name))


class SteppedIceberg(SteppedSink):
    """The Iceberg sink over a REST catalog."""

    steps = (
        Step("s3", r"^PUT .*\.parquet"),
        Step("s3", r"^PUT .*/metadata/(?!snap-)[^/?]*\.avro"),
        Step("kafka", r"Produce"),
        *_IN_KAFKA,
        Step("s3", r"^PUT .*/snap-.*\.avro"),
        Step("catalog", r"^POST .*/tables/"),
    )

    def __init__(self, broker: Tansu | ApacheKafka, store: SeaweedFS) -> None:
        super().__init__(broker)
        catalog = rest_catalog(store)
        self._lakehouse = Lakehouse(catalog, store, broker)
        s3 = self.add_wire("s3", store.endpoint_url, HttpFrames)
        uri = self.add_wire("catalog", store.iceberg_url, HttpFrames)
        self._keys = {
            **self._lakehouse.keys,
            "connector.class": "iceberg-sink",
            "iceberg.catalog.uri": uri,
            "iceberg.catalog.s3.endpoint": s3,
            "offset.flush.interval.ms": "200",
        }

    def config(self, name: str) -> Mapping[str, str]:
        return {**self._keys, "iceberg.tables": f"{self._lakehouse.namespace}.{name}"}

    def ids(self, name: str) -> list[int]:
        return sorted(self._lakehouse.ids(f"{self._lakehouse.namespace}.{name}"))
