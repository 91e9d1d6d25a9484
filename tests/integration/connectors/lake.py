"""The bucket of a test below one prefix, as readers see it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tests.conftest import TEST_BUCKET
from tests.integration.connectors.sink_harness import SinkHarness
from tidegate.connectors.s3 import S3SinkConnector
from tidegate.connectors.s3.manifest import read_manifest
from tidegate.devstack import SeaweedFS


class Lake:
    """One prefix of the bucket of tests.

    Args:
        store: the object store.
    """

    def __init__(self, store: SeaweedFS) -> None:
        self.prefix = f"lake-{uuid.uuid4().hex[:8]}"
        self.client: Any = store.client()
        self.config = {
            "s3.bucket.name": TEST_BUCKET,
            "store.url": store.endpoint_url,
            "aws.access.key.id": store.access_key,
            "aws.secret.access.key": store.secret_key,
            "topics.dir": self.prefix,
        }
        self._store = store

    def files(self, below: str = "orders/") -> list[str]:
        """Keys below the prefix, without it."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=TEST_BUCKET, Prefix=f"{self.prefix}/{below}"
        )
        found = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return sorted(key.removeprefix(f"{self.prefix}/") for key in found)

    def manifests(self) -> list[str]:
        """Those that still promise files."""
        keys = self.files("_tidegate/sink/manifests/")
        return [key for key in keys if read_manifest(self.client, TEST_BUCKET, f"{self.prefix}/{key}")]

    def uploads(self) -> list[str]:
        """Keys of unfinished uploads."""
        found = self.client.list_multipart_uploads(Bucket=TEST_BUCKET, Prefix=f"{self.prefix}/")
        return [upload["Key"] for upload in found.get("Uploads", [])]

    def head(self, key: str, **parameters: Any) -> Any:
        """What S3 tells about an object."""
        return self.client.head_object(Bucket=TEST_BUCKET, Key=f"{self.prefix}/{key}", **parameters)

    def body(self, key: str) -> bytes:
        """An object's bytes."""
        found: bytes = self.client.get_object(Bucket=TEST_BUCKET, Key=f"{self.prefix}/{key}")["Body"].read()
        return found

    def table(self, key: str) -> pa.Table:
        """A Parquet file."""
        return pq.ParquetFile(pa.BufferReader(self.body(key))).read()

    def ids(self) -> list[int]:
        """The column ``id`` of all Parquet files that have one, sorted."""
        tables = map(self.table, self.files())
        return sorted(id_ for table in tables if "id" in table.column_names for id_ in table["id"].to_pylist())

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows that DuckDB answers; ``{lake}`` in the query is the prefix as an S3 URL."""
        with self._duckdb() as connection:
            return connection.execute(sql.replace("{lake}", f"s3://{TEST_BUCKET}/{self.prefix}")).fetchall()

    @contextmanager
    def _duckdb(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(config={"allow_unsigned_extensions": "true"}) as connection:
            for extension in ("httpfs", "avro"):
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
            yield connection


def s3_sink(lake: Lake, *, tolerant: bool = False, keys: dict[str, str] | None = None, **named: str) -> SinkHarness:
    """A sink into the lake; named keys have underscores for dots."""
    config = {**lake.config, **(keys or {}), **{key.replace("_", "."): value for key, value in named.items()}}
    return SinkHarness(S3SinkConnector(), config, tolerant=tolerant)


def directories(keys: Sequence[str]) -> list[str]:
    """The directories of data files below their topic's."""
    return [key.split("/", 1)[1].rsplit("/", 1)[0] for key in keys]
