"""What the S3 sink writes, as fastavro, DuckDB and S3 itself read it; what it holds while it writes."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from tests.conftest import TEST_BUCKET
from tests.integration.connectors.lake import Lake, directories, s3_sink
from tests.integration.connectors.sink_harness import RunningSink, consumed, records
from tidegate.connectors.s3 import S3SinkConnector
from tidegate.devstack import SeaweedFS
from tidegate.records.envelope import TopicPartition

T0 = TopicPartition("orders", 0)
ID = pa.field("id", pa.int64(), nullable=False)
NAME = pa.field("name", pa.string())
AT = pa.field("at", pa.timestamp("us", "UTC"), nullable=False)
TAGS = pa.field("tags", pa.list_(pa.string()))
AMOUNT = pa.field("amount", pa.decimal128(9, 2))
PLACE = pa.field("place", pa.struct([pa.field("x", pa.int32(), nullable=False)]))
MOMENT = datetime(2026, 3, 7, 12, 30, 15, 250_000, UTC)


@pytest.fixture
def lake(seaweedfs: SeaweedFS) -> Lake:
    return Lake(seaweedfs)


def orders(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "name": None if number % 7 == 3 else f"n{number}",
            "at": MOMENT,
            "tags": ["a", "b"][: number % 3],
            "amount": Decimal(number) / 4,
            "place": None if number % 5 == 0 else {"x": number},
        }
        for number in range(first, first + count)
    ]


def put_orders(run: RunningSink, rows: list[dict[str, Any]]) -> None:
    run.put(consumed("orders", records(rows, ID, NAME, AT, TAGS, AMOUNT, PLACE), first_offset=rows[0]["id"]))


def _zstandard_block(file: Any) -> io.BytesIO:
    size = shift = 0
    while True:
        (byte,) = file.read(1)
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    packed = file.read(size >> 1)
    return io.BytesIO(pa.CompressedInputStream(pa.BufferReader(packed), "zstd").read())


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz", "zstandard"])
def test_avro_files_are_what_fastavro_reads(lake: Lake, codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # fastavro's own wants another package.
    monkeypatch.setitem(fastavro.read.BLOCK_READERS, "zstandard", _zstandard_block)
    run = s3_sink(lake, format_class="io.confluent.connect.s3.format.avro.AvroFormat", avro_codec=codec).start(T0)
    put_orders(run, orders(700))
    put_orders(run, orders(300, 700))
    run.commit(closing=True)
    [key] = lake.files()
    assert key == "orders/partition=0/orders+0+0000000000.avro"
    reader = fastavro.reader(io.BytesIO(lake.body(key)))
    assert (reader.codec, list(reader)) == (codec, orders(1000))


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
def test_avro_files_are_what_duckdb_reads(lake: Lake, codec: str) -> None:
    run = s3_sink(lake, format_class="avro", avro_codec=codec).start(T0)
    put_orders(run, orders(5000))
    run.commit(closing=True)
    query = (
        "SELECT count(*), sum(id), sum(place.x), count(name), len(list(tags).flatten()) "
        "FROM read_avro('{lake}/orders/*/*.avro')"
    )
    rows = orders(5000)
    places = sum(row["place"]["x"] for row in rows if row["place"])
    names = sum(row["name"] is not None for row in rows)
    assert lake.query(query) == [(5000, sum(range(5000)), places, names, sum(len(row["tags"]) for row in rows))]


def test_an_avro_file_ends_where_the_schema_changes(lake: Lake) -> None:
    run = s3_sink(lake, format_class="avro").start(T0)
    run.put(consumed("orders", records([{"id": 0}], ID)))
    run.put(consumed("orders", records([{"id": 1, "name": "b"}], ID, NAME), first_offset=1))
    run.put(consumed("orders", records([{"id": 2}], ID), first_offset=2))
    run.commit(closing=True)
    found = [list(fastavro.reader(io.BytesIO(lake.body(key)))) for key in lake.files()]
    assert found == [[{"id": 0}], [{"id": 1, "name": "b"}, {"id": 2, "name": None}]]


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_json_files_hold_a_line_a_record_that_duckdb_reads(lake: Lake, compression: str) -> None:
    keys = {"s3.compression.type": compression, "json.decimal.format": "NUMERIC"}
    run = s3_sink(lake, keys=keys, format_class="io.confluent.connect.s3.format.json.JsonFormat").start(T0)
    for first in range(0, 60_000, 20_000):
        put_orders(run, orders(20_000, first))
    run.commit(closing=True)
    [key] = lake.files()
    assert key.endswith(".json" if compression == "none" else ".json.gz")
    body = lake.body(key) if compression == "none" else gzip.decompress(lake.body(key))
    lines = [json.loads(line) for line in body.splitlines()]
    assert lines[4] == {
        "id": 4,
        "name": "n4",
        "at": int(MOMENT.timestamp() * 1_000_000),
        "tags": ["a"],
        "amount": 1.0,
        "place": {"x": 4},
    }
    assert [line["id"] for line in lines] == list(range(60_000))
    assert lake.query("SELECT count(*), max(place.x) FROM read_json('{lake}/orders/*/*')") == [(60_000, 59_999)]


def test_json_files_take_values_that_are_no_records(lake: Lake) -> None:
    run = s3_sink(lake, format_class="json").start(T0)
    run.put(consumed("orders", pa.array(["a", 'b"c'])))
    run.commit(closing=True)
    assert lake.body(lake.files()[0]) == b'"a"\n"b\\"c"\n'


def test_bytes_are_written_as_they_came(lake: Lake) -> None:
    keys = {"format.bytearray.extension": ".log", "format.bytearray.separator": "|"}
    java = "io.confluent.connect.s3.format.bytearray.ByteArrayFormat"
    run = s3_sink(lake, keys=keys, tolerant=True, format_class=java).start(T0)
    run.put(consumed("orders", pa.array([b"\x00a", b"b"])))
    run.put(consumed("orders", records([{"id": 1}], ID), first_offset=2))
    run.commit(closing=True)
    assert lake.body("orders/partition=0/orders+0+0000000000.log") == b"\x00a|b|"
    assert [(offset, "not bytes" in message) for _, offset, message in run.context.halted] == [(2, True)]


def test_keys_and_headers_are_columns(lake: Lake) -> None:
    keys = {"store.kafka.keys": "true", "store.kafka.headers": "true", "store.kafka.headers.column": "meta"}
    run = s3_sink(lake, keys=keys, tolerant=True).start(T0)
    value = records([{"id": 0}, {"id": 1}, None], ID)
    headers = [[("trace", b"t0")], None, None]
    run.put(consumed("orders", value, key=pa.array(["k0", None, "k2"]), headers=headers))
    # A field of the same name has no place beside the column.
    clash = records([{"id": 3, "_key": "x"}], ID, pa.field("_key", pa.string()))
    run.put(consumed("orders", clash, key=pa.array(["k3"]), first_offset=3))
    run.commit(closing=True)
    assert lake.table(lake.files()[0]).to_pylist() == [
        {"id": 0, "_key": "k0", "meta": [{"key": "trace", "value": b"t0"}]},
        {"id": 1, "_key": None, "meta": None},
    ]
    assert [offset for _, offset, _ in run.context.halted] == [2, 3]
    assert "field '_key' of its own" in run.context.halted[1][2]


def test_keys_and_headers_have_no_place_in_files_of_bytes(lake: Lake) -> None:
    config = {**lake.config, "format.class": "bytearray", "store.kafka.keys": "true"}
    connector = S3SinkConnector()
    [problem] = connector.validate(connector.config_def.parse(config))
    assert problem.key == "store.kafka.keys"


@pytest.mark.parametrize(
    ("codec", "extension"), [("zstd", "zstd.parquet"), ("snappy", "snappy.parquet"), ("gzip", "gz.parquet")]
)
def test_parquet_is_compressed_as_told(lake: Lake, codec: str, extension: str) -> None:
    run = s3_sink(lake, parquet_codec=codec).start(T0)
    put_orders(run, orders(50))
    run.commit(closing=True)
    (name,) = lake.files()
    assert name.endswith(f"+0000000000.{extension}")
    query = f"SELECT DISTINCT lower(compression) FROM parquet_metadata('{{lake}}/{name}')"
    assert lake.query(query) == [(codec,)]


KEYS = {"store.kafka.keys": "true", "store.kafka.headers": "true"}


def written(lake: Lake) -> dict[str, list[Any]]:
    """Rows of the files of Avro and JSON, by name below the topic's directory."""
    found: dict[str, list[Any]] = {}
    for name in lake.files():
        body = lake.body(name)
        avro = name.endswith(".avro")
        rows = list(fastavro.reader(io.BytesIO(body))) if avro else [json.loads(line) for line in body.splitlines()]
        found[name.removeprefix("orders/")] = rows
    return found


def test_keys_and_headers_have_files_of_their_own(lake: Lake) -> None:
    keys = {
        **KEYS,
        "format.class": "json",
        "keys.format.class": "io.confluent.connect.s3.format.avro.AvroFormat",
        "headers.format.class": "json",
        "behavior.on.null.values": "write",
        "flush.size": "2",
    }
    run = s3_sink(lake, keys=keys, tolerant=True).start(T0)
    value = records([{"id": 0}, {"id": 1}, None, {"id": 3}, None, {"id": 5}], ID)
    key = records([{"k": "a"}, {"k": "b"}, {"k": "c"}, None, None, {"k": "f"}], pa.field("k", pa.string()))
    run.put(consumed("orders", value, key=key, headers=[[("trace", b"t0")], None, [("t", b"c")], None, None, None]))
    run.commit(closing=True)
    trace = [{"key": "trace", "value": "dDA="}]
    assert written(lake) == {
        "partition=0/orders+0+0000000000.json": [{"id": 0}, {"id": 1}],
        "partition=0/orders+0+0000000000.keys.avro": [{"k": "a"}, {"k": "b"}],
        "partition=0/orders+0+0000000000.headers.json": [trace, []],
        "partition=0/orders+0+0000000005.json": [{"id": 5}],
        "partition=0/orders+0+0000000005.keys.avro": [{"k": "f"}],
        "partition=0/orders+0+0000000005.headers.json": [[]],
        "tombstone/orders+0+0000000002.keys.avro": [{"k": "c"}],
        "tombstone/orders+0+0000000002.headers.json": [[{"key": "t", "value": "Yw=="}]],
    }
    assert [(offset, "key is null" in message) for _, offset, message in run.context.halted] == [(3, True), (4, True)]


def test_keys_in_files_of_their_own_may_be_plain(lake: Lake) -> None:
    for number, (kind, extension) in enumerate([("parquet", "zstd.parquet"), ("bytearray", "bin"), ("avro", "avro")]):
        run = s3_sink(lake, keys={"store.kafka.keys": "true", "keys.format.class": kind}, tolerant=True).start(T0)
        value = records([{"id": 0}, {"id": 1}], ID)
        run.put(consumed("orders", value, key=pa.array(["k0", None]), first_offset=number))
        run.commit(closing=True)
        assert ["key is null" in message for _, _, message in run.context.halted] == [True]
        name = f"orders/partition=0/orders+0+{number:010d}.keys.{extension}"
        assert f"orders/partition=0/orders+0+{number:010d}.zstd.parquet" in lake.files()
        if kind == "parquet":
            assert lake.table(name).to_pylist() == [{"key": "k0"}]
        elif kind == "avro":
            assert list(fastavro.reader(io.BytesIO(lake.body(name)))) == ["k0"]
        else:
            assert lake.body(name) == b"k0\n"


def test_tombstones_are_rows_of_their_keys_where_keys_are_a_column(lake: Lake) -> None:
    keys = {"store.kafka.keys": "true", "behavior.on.null.values": "write", "tombstone.encoded.partition": "gone"}
    run = s3_sink(lake, keys=keys).start(T0)
    run.put(consumed("orders", records([{"id": 0}, None, None], ID), key=pa.array(["a", "b", "c"])))
    run.commit(closing=True)
    tables = {name: lake.table(name).to_pylist() for name in lake.files()}
    assert tables == {
        "orders/gone/orders+0+0000000001.zstd.parquet": [{"_key": "b"}, {"_key": "c"}],
        "orders/partition=0/orders+0+0000000000.zstd.parquet": [{"id": 0, "_key": "a"}],
    }


def test_what_no_file_can_hold_is_refused(lake: Lake) -> None:
    connector = S3SinkConnector()

    def refused(**keys: str) -> list[str]:
        config = {**lake.config, **{key.replace("_", "."): value for key, value in keys.items()}}
        return [problem.key for problem in connector.validate(connector.config_def.parse(config))]

    assert refused(behavior_on_null_values="write") == ["behavior.on.null.values"]
    assert refused(keys_format_class="avro") == ["keys.format.class"]
    assert refused(store_kafka_headers="true", headers_format_class="bytearray") == ["headers.format.class"]
    assert refused(format_class="bytearray", store_kafka_keys="true", keys_format_class="avro") == []


def test_directories_are_hive_partitions_to_duckdb(lake: Lake) -> None:
    by_field = s3_sink(lake, partitioner_class="field", partition_field_name="name,id").start(T0)
    rows = [{"id": number, "name": name} for number in range(2) for name in ("ä b", "c/d", None)]
    by_field.put(consumed("orders", records(rows, ID, NAME)))
    by_field.commit(closing=True)
    query = (
        "SELECT name, count(*) FROM read_parquet('{lake}/orders/**/*.parquet', hive_partitioning=true) "
        "WHERE id = 1 GROUP BY 1"
    )
    assert sorted(lake.query(query), key=str) == [("c/d", 1), ("ä b", 1), (None, 1)]
    time = s3_sink(lake, partitioner_class="io.confluent.connect.storage.partitioner.HourlyPartitioner").start(
        TopicPartition("clicks", 0)
    )
    moments = [datetime(2026, 3, 7, hour, 5, tzinfo=UTC) for hour in (1, 1, 23)]
    times = [int(moment.timestamp() * 1000) for moment in moments]
    time.put(consumed("clicks", records([{"id": 1}] * 3, ID), timestamps=times))
    time.commit(closing=True)
    query = (
        "SELECT year, month, day, hour, count(*) FROM read_parquet('{lake}/clicks/**/*.parquet', "
        "hive_partitioning=true) GROUP BY ALL ORDER BY ALL"
    )
    assert [tuple(map(int, row)) for row in lake.query(query)] == [(2026, 3, 7, 1, 2), (2026, 3, 7, 23, 1)]


def test_forward_keeps_the_files_and_projects_newer_records(lake: Lake) -> None:
    run = s3_sink(lake, tolerant=True, schema_compatibility="FORWARD").start(T0)
    run.put(consumed("orders", records([{"id": 0, "name": "a"}], ID, NAME)))
    added = pa.field("added", pa.string())
    run.put(consumed("orders", records([{"id": 1, "added": "x"}], ID, added), first_offset=1))
    text = records([{"id": "two"}], pa.field("id", pa.string(), nullable=False))
    run.put(consumed("orders", text, first_offset=2))
    run.commit(closing=True)
    [key] = lake.files()
    assert lake.table(key).to_pylist() == [{"id": 0, "name": "a"}, {"id": 1, "name": None}]
    assert [offset for _, offset, _ in run.context.halted] == [2]


def test_full_takes_new_fields_and_refuses_wider_types(lake: Lake) -> None:
    run = s3_sink(lake, tolerant=True, schema_compatibility="FULL").start(T0)
    small = pa.field("id", pa.int32(), nullable=False)
    run.put(consumed("orders", records([{"id": 0}], small)))
    run.put(consumed("orders", records([{"id": 1, "name": "b"}], small, NAME), first_offset=1))
    run.put(consumed("orders", records([{"id": 2}], ID), first_offset=2))
    run.commit(closing=True)
    assert [lake.table(key).column_names for key in lake.files()] == [["id"], ["id", "name"]]
    assert [(offset, "FULL" in message) for _, offset, message in run.context.halted] == [(2, True)]


def test_the_interval_is_counted_by_the_time_that_is_extracted(lake: Lake) -> None:
    run = s3_sink(
        lake,
        rotate_interval_ms="60000",
        partitioner_class="daily",
        timestamp_extractor="RecordField",
        timestamp_field="at",
    ).start(T0)
    rows = [{"id": number, "at": datetime(2026, 3, 7, 10, number, tzinfo=UTC)} for number in range(3)]
    run.put(consumed("orders", records(rows, ID, AT)))
    run.commit(closing=True)
    assert [lake.table(key)["id"].to_pylist() for key in lake.files()] == [[0], [1], [2]]


_DIRECTORIES = 500
_PER_BATCH = 2
_BATCHES = 9


def _backlog(run: RunningSink) -> int:
    """Puts 51 MB over all directories, each batch with some rows for each; returns the most memory accounted for."""
    blob = pa.field("blob", pa.binary(), nullable=False)
    most = 0
    for batch in range(_BATCHES):
        ids = range(batch * _PER_BATCH * _DIRECTORIES, (batch + 1) * _PER_BATCH * _DIRECTORIES)
        rows = [{"id": id_, "name": f"d{id_ % _DIRECTORIES}", "blob": os.urandom(6000)} for id_ in ids]
        run.put(consumed("orders", records(rows, ID, NAME, blob), first_offset=ids[0]))
        files = [file for writer in run.task._writers.values() for file in writer.files()]  # type: ignore[attr-defined]
        most = max(most, sum(file.memory + file.fixed_memory for file in files))
    return most


@pytest.mark.parametrize(("format_", "bound"), [("parquet", 48 << 20), ("avro", 16 << 20)])
def test_a_backlog_over_500_directories_spills_and_still_makes_whole_files(
    lake: Lake, tmp_path: Path, format_: str, bound: int
) -> None:
    keys = {"buffer.memory.bytes": str(bound), "spill.directory": str(tmp_path), "format.class": format_}
    run = s3_sink(lake, keys=keys, partitioner_class="field", partition_field_name="name").start(T0)
    assert _backlog(run) <= bound
    assert run.task._space.used > 0  # type: ignore[attr-defined]
    run.commit(closing=True)
    found = lake.files()
    assert Counter(directories(found)) == Counter(f"name=d{number}" for number in range(_DIRECTORIES))
    rows = _BATCHES * _PER_BATCH * _DIRECTORIES
    glob = f"{{lake}}/orders/*/*.{format_}"
    query = f"SELECT count(*), count(DISTINCT id), max(id) FROM read_{format_}('{glob}')"
    assert lake.query(query) == [(rows, rows, rows - 1)]
    assert run.task._space.used == 0  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


def test_a_backlog_without_room_on_the_disk_closes_files_early(lake: Lake) -> None:
    bound = 48 << 20
    keys = {"buffer.memory.bytes": str(bound), "spill.bytes": "0"}
    run = s3_sink(lake, keys=keys, partitioner_class="field", partition_field_name="name").start(T0)
    assert _backlog(run) <= bound
    assert run.task.commit_due()
    run.commit(closing=True)
    rows = _BATCHES * _PER_BATCH * _DIRECTORIES
    assert lake.query("SELECT count(*), count(DISTINCT id) FROM read_parquet('{lake}/orders/*/*.parquet')") == [
        (rows, rows)
    ]
    assert len(lake.files()) > _DIRECTORIES


def test_objects_are_encrypted_and_tagged_as_told(lake: Lake) -> None:
    keys = {"s3.ssea.name": "AES256", "s3.acl.canned": "bucket-owner-full-control", "s3.object.tagging": "true"}
    run = s3_sink(lake, keys=keys).start(T0)
    put_orders(run, orders(10, 5))
    run.commit(closing=True)
    [key] = lake.files()
    for each in (key, *lake.files("_tidegate/")):
        assert lake.head(each)["ServerSideEncryption"] == "AES256"
    tags = lake.client.get_object_tagging(Bucket=TEST_BUCKET, Key=f"{lake.prefix}/{key}")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"startOffset": "5", "endOffset": "14", "recordCount": "10"}
    assert lake.ids() == list(range(5, 15))


def test_objects_are_encrypted_with_a_key_of_ones_own(lake: Lake) -> None:
    key = base64.b64encode(os.urandom(32)).decode()
    harness = s3_sink(lake, keys={"s3.sse.customer.key": key})
    first = harness.start(T0)
    put_orders(first, orders(10))
    first.kafka_commit(first.prepare(closing=True))
    # The successor needs the key to read the manifest, and to complete.
    harness.start(T0)
    [found] = lake.files()
    with pytest.raises(ClientError):
        lake.head(found)
    assert lake.head(found, SSECustomerAlgorithm="AES256", SSECustomerKey=base64.b64decode(key))["ContentLength"]


def test_settings_that_do_not_go_together_are_named(lake: Lake) -> None:
    def problems(**keys: str) -> list[str]:
        connector = S3SinkConnector()
        config = {**lake.config, **{name.replace("_", "."): value for name, value in keys.items()}}
        return [problem.key for problem in connector.validate(connector.config_def.parse(config))]

    assert problems(s3_sse_kms_key_id="k") == ["s3.ssea.name"]
    assert problems(s3_ssea_name="AES256", s3_sse_customer_key=base64.b64encode(bytes(32)).decode()) == ["s3.ssea.name"]
    assert problems(s3_ssea_name="") == []
