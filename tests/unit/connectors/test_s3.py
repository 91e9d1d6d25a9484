"""Pure parts of the S3 sink: paths, partitions, rotation, the schema gate."""

from __future__ import annotations

import base64
import socketserver
import threading
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.connectors.sink_harness import consumed, records
from tidegate.connectors.s3 import S3SinkConnector
from tidegate.connectors.s3.client import s3_client
from tidegate.connectors.s3.grouping import groups
from tidegate.connectors.s3.object_name import ObjectNames, parse_manifest_key
from tidegate.connectors.s3.partitioner import FieldPartitioner, TimePartitioner
from tidegate.connectors.s3.path_format import PathFormat
from tidegate.connectors.s3.rotation import Rotation
from tidegate.connectors.s3.schema_gate import SchemaRefusedError, admit, project
from tidegate.records.envelope import TopicPartition


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH", "year=2026/month=03/day=07/hour=04"),
        ("YYYY-MM-dd'T'HH", "2026-03-07T04"),
        ("yy/M/d/H/mm/ss", "26/3/7/4/05/06"),
        ("EEE/MMM/MMMM/DDD", "Sat/Mar/March/066"),
        ("'it''s' YYYY", "it's 2026"),
    ],
)
def test_path_formats(pattern: str, path: str) -> None:
    assert PathFormat(pattern).format(datetime(2026, 3, 7, 4, 5, 6, tzinfo=UTC)) == path


def test_names_in_paths_follow_the_locale() -> None:
    moment = datetime(2026, 3, 7, 4, 5, 6, tzinfo=UTC)
    assert PathFormat("EEEE/MMMM", "de-DE").format(moment) == "Samstag/März"
    with pytest.raises(ValueError, match="not a locale"):
        PathFormat("MMMM", "tlh-Qo")


@pytest.mark.parametrize("pattern", ["", "'open", "QQ", "year=YYYY"])
def test_unusable_path_formats_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"path format|means nothing"):
        PathFormat(pattern)


def test_time_paths_follow_local_time_over_its_changes() -> None:
    zone = ZoneInfo("Europe/Berlin")
    partitioner = TimePartitioner(PathFormat("YYYY-MM-dd"), 86_400_000, zone, "Record", "")
    moments = [
        datetime(2026, 3, 28, 22, 59, tzinfo=UTC),
        datetime(2026, 3, 28, 23, 0, tzinfo=UTC),
        datetime(2026, 3, 29, 21, 59, tzinfo=UTC),
        datetime(2026, 3, 29, 22, 0, tzinfo=UTC),
    ]
    times = [int(moment.timestamp() * 1000) for moment in moments]
    value = records([{"id": i} for i in range(4)], pa.field("id", pa.int64()))
    paths = partitioner.partition(consumed("t", value, timestamps=times)).paths
    assert paths.to_pylist() == ["2026-03-28", "2026-03-29", "2026-03-29", "2026-03-30"]


def test_times_by_the_wall_clock_are_neither_the_records_nor_kafkas() -> None:
    partitioner = TimePartitioner(PathFormat("YYYY"), 86_400_000, ZoneInfo("UTC"), "Wallclock", "")
    value = records([{"id": 0}], pa.field("id", pa.int64()))
    before = datetime.now(UTC).year
    (path,) = partitioner.partition(consumed("t", value, timestamps=[0])).paths.to_pylist()
    assert int(path) in (before, datetime.now(UTC).year)


@pytest.mark.parametrize(("path_style", "host"), [("true", "store.example"), ("false", "lake.store.example")])
def test_the_bucket_is_named_in_the_path_or_in_the_host(path_style: str, host: str) -> None:
    keys = {"s3.bucket.name": "lake", "store.url": "http://store.example", "s3.path.style.access.enabled": path_style}
    secrets = {"aws.access.key.id": "key", "aws.secret.access.key": "secret"}
    client = s3_client(S3SinkConnector.config_def.parse({**keys, **secrets}))
    url = client.generate_presigned_url("get_object", Params={"Bucket": "lake", "Key": "k"})
    assert urlsplit(url).netloc == host


def test_a_store_is_reached_through_a_proxy() -> None:
    keys = {"s3.bucket.name": "lake", "store.url": "http://store.invalid", "aws.access.key.id": "k"}
    keys |= {"aws.secret.access.key": "s", "s3.proxy.user": "me", "s3.proxy.password": "p@ss"}
    with socketserver.TCPServer(("127.0.0.1", 0), _Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        keys["s3.proxy.url"] = f"http://127.0.0.1:{proxy.server_address[1]}"
        client = s3_client(S3SinkConnector.config_def.parse(keys), attempts=1)
        client.head_bucket(Bucket="lake")
        proxy.shutdown()
    assert _Proxy.heard.startswith(b"HEAD http://store.invalid/lake ")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:p@ss") in _Proxy.heard


class _Proxy(socketserver.BaseRequestHandler):
    heard = b""

    def handle(self) -> None:
        while b"\r\n\r\n" not in _Proxy.heard:
            _Proxy.heard += self.request.recv(65_536)
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def test_a_missing_or_unsuitable_partition_field_is_a_fault_of_every_row() -> None:
    value = records([{"f": 1.5}] * 2, pa.field("f", pa.float64()))
    for name, words in (("g", "no field 'g'"), ("f", "makes no directory")):
        found = FieldPartitioner([name]).partition(consumed("t", value))
        assert set(found.faults) == {0, 1}
        assert words in found.faults[0]


def test_nested_partition_fields() -> None:
    value = records([{"a": {"b": 7}}], pa.field("a", pa.struct([pa.field("b", pa.int32())])))
    assert FieldPartitioner(["a.b"]).partition(consumed("t", value)).paths.to_pylist() == ["a.b=7"]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("xyz"), st.booleans()), min_size=1, max_size=40))
def test_grouping_keeps_every_row_once_and_in_order(rows: list[tuple[int, str, bool]]) -> None:
    value = records([{"id": i} for i in range(len(rows))], pa.field("id", pa.int64()))
    kept = pa.array([index for index, row in enumerate(rows) if row[2]], pa.int64())
    partitions = pa.array([row[0] for row in rows], pa.int32()).take(kept)
    ids = pa.RecordBatch.from_struct_array(value).take(kept)
    directories = pa.array([row[1] for row in rows]).take(kept)
    found = list(groups(ids, partitions, kept, kept, directories))
    seen: dict[int, tuple[int, str]] = {}
    for group in found:
        ids = group.rows.column("id").to_pylist()
        assert ids == sorted(ids) == group.offsets.to_pylist()
        seen |= dict.fromkeys(ids, (group.partition, group.directory))
    assert seen == {i: row[:2] for i, row in enumerate(rows) if row[2]}
    assert len({(group.partition, group.directory) for group in found}) == len(found)


@pytest.mark.parametrize(
    ("zone", "schedule", "now", "expected"),
    [
        ("UTC", 900_000, "2026-01-01T10:07:00+00:00", "2026-01-01T10:15:00+00:00"),
        ("UTC", 900_000, "2026-01-01T10:15:00+00:00", "2026-01-01T10:30:00+00:00"),
        ("Asia/Kathmandu", 3_600_000, "2026-01-01T10:07:00+00:00", "2026-01-01T10:15:00+00:00"),
        ("Europe/Berlin", 86_400_000, "2026-01-01T10:00:00+00:00", "2026-01-01T23:00:00+00:00"),
    ],
)
def test_scheduled_rotation_is_on_the_clock(zone: str, schedule: int, now: str, expected: str) -> None:
    def ms(text: str) -> int:
        return int(datetime.fromisoformat(text).timestamp() * 1000)

    assert Rotation(1, None, None, schedule, ZoneInfo(zone)).next_schedule(ms(now)) == ms(expected)


def test_manifest_names_tell_topics_apart() -> None:
    names = ObjectNames("topics", "sink")
    key = names.manifest(TopicPartition("a-1", 2), 7, 3, 99)
    assert parse_manifest_key(names.manifests(TopicPartition("a-1", 2)), key) == (7, 3, 99)
    assert parse_manifest_key(names.manifests(TopicPartition("a", 1)), key) is None
    other = ObjectNames("topics", "sink", delimiter="-", pad_width=4)
    assert other.data(TopicPartition("t", 1), "t/x", 5, "json") == "topics/t/x/t-1-0005.json"
    assert other.is_data_of(TopicPartition("t", 1), "topics/t/x/t-1-0005.json")
    data = names.data(TopicPartition("t", 1), "t/partition=1", 5, "keys.avro")
    assert data == "topics/t/partition=1/t+1+0000000005.keys.avro"


def struct(**fields: Any) -> pa.StructType:
    """Fields by name; a type alone is required, a tuple of one type is nullable."""
    return pa.struct(
        [
            pa.field(name, type_[0] if isinstance(type_, tuple) else type_, nullable=isinstance(type_, tuple))
            for name, type_ in fields.items()
        ]
    )


I32, I64, F64, STR = pa.int32(), pa.int64(), pa.float64(), pa.string()


@pytest.mark.parametrize(
    ("known", "new", "mode", "schema"),
    [
        (struct(a=I64), struct(a=I64), "BACKWARD", struct(a=I64)),
        (struct(a=I64), struct(a=I64, b=(STR,)), "BACKWARD", struct(a=I64, b=(STR,))),
        (struct(a=I64, b=(STR,)), struct(a=I64), "BACKWARD", struct(a=I64, b=(STR,))),
        (struct(a=I32), struct(a=I64), "BACKWARD", struct(a=I64)),
        (struct(a=I64), struct(a=I32), "BACKWARD", struct(a=I64)),
        (struct(a=I64), struct(a=F64), "BACKWARD", struct(a=F64)),
        (struct(a=I64), struct(a=I32, b=(STR,)), "FORWARD", struct(a=I64)),
        (struct(a=(I64,)), struct(b=(STR,)), "FORWARD", struct(a=(I64,))),
        (struct(a=pa.decimal128(12, 2)), struct(a=pa.decimal128(9, 2)), "FORWARD", struct(a=pa.decimal128(12, 2))),
        (struct(a=I64), struct(a=I64, b=(STR,)), "FULL", struct(a=I64, b=(STR,))),
        (struct(a=I64, b=(STR,)), struct(a=I64), "FULL", struct(a=I64, b=(STR,))),
        (struct(a=(pa.null(),)), struct(a=(STR,)), "FULL", struct(a=(STR,))),
        (struct(a=I64), struct(a=(I64,)), "BACKWARD", struct(a=(I64,))),
        (struct(a=I64), struct(a=I64, b=STR), "BACKWARD", struct(a=I64, b=(STR,))),
        (struct(a=struct(x=I32)), struct(a=struct(x=I64, y=(STR,))), "BACKWARD", struct(a=struct(x=I64, y=(STR,)))),
        (struct(a=pa.list_(I32)), struct(a=pa.list_(I64)), "BACKWARD", struct(a=pa.list_(I64))),
        (struct(a=pa.decimal128(9, 2)), struct(a=pa.decimal128(12, 2)), "BACKWARD", struct(a=pa.decimal128(12, 2))),
    ],
)
def test_the_gate_lets_through(known: pa.StructType, new: pa.StructType, mode: str, schema: pa.StructType) -> None:
    admission = admit(known, new, mode)
    assert admission.schema == schema
    assert admission.widened == (schema != known)


@pytest.mark.parametrize(
    ("known", "new", "mode", "words"),
    [
        (struct(userId=STR), struct(user_id=STR), "BACKWARD", "'userId' is required.*'user_id'; renamed"),
        (struct(userId=STR), struct(user_id=STR), "FORWARD", "'userId' is required"),
        (struct(a=I64), struct(a=STR), "BACKWARD", "'a' is string and was int64"),
        (struct(a=pa.decimal128(9, 2)), struct(a=pa.decimal128(9, 3)), "BACKWARD", "'a' is decimal"),
        (struct(a=I32), struct(a=I64), "FORWARD", "'a' is int64 and was int32: what was can not hold what is"),
        (struct(a=I64), struct(a=(I64,)), "FORWARD", "'a' is optional in the record and required"),
        (struct(a=I32), struct(a=I64), "FULL", "'a' is int64 and was int32: FULL keeps types"),
        (struct(a=struct(x=I32)), struct(a=struct(y=(I32,))), "BACKWARD", "'a.x' is required"),
        (struct(a=pa.list_(I32)), struct(a=pa.list_(STR)), "BACKWARD", r"'a\[\]' is string"),
    ],
)
def test_the_gate_refuses_naming_field_and_rule(
    known: pa.StructType, new: pa.StructType, mode: str, words: str
) -> None:
    with pytest.raises(SchemaRefusedError, match=words):
        admit(known, new, mode)


def test_projection_fills_promotes_and_orders() -> None:
    narrow = struct(s=struct(x=I32), items=pa.list_(struct(q=I32)))
    wide = struct(items=pa.list_(struct(q=I64, r=(STR,))), s=(struct(x=I64, y=(STR,)),), n=(F64,))
    rows = [
        {"s": {"x": 1}, "items": [{"q": 1}, {"q": 2}]},
        {"s": {"x": 2}, "items": []},
        {"s": {"x": 3}, "items": None},
    ]
    array = pa.array(rows * 2, type=narrow).slice(1, 4)
    assert project(array, wide).to_pylist() == [
        {"items": [], "s": {"x": 2, "y": None}, "n": None},
        {"items": None, "s": {"x": 3, "y": None}, "n": None},
        {"items": [{"q": 1, "r": None}, {"q": 2, "r": None}], "s": {"x": 1, "y": None}, "n": None},
        {"items": [], "s": {"x": 2, "y": None}, "n": None},
    ]
