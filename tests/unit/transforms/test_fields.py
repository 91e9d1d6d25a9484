"""What transforms do with columns that Kafka Connect has no like of, and what can be told without it."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.transforms.record_batches import consumed, one, outcome
from tidegate.records.envelope import SCHEMA_ID, SCHEMA_NAME, SCHEMA_VERSION, Batch
from tidegate.records.field_default import default_of, with_default
from tidegate.transforms.field_path import steps

UTC = datetime.UTC


def values_of(column: pa.Array, type_: str, **keys: str) -> list[Any]:
    """The values of one part, without faults."""
    parts, faults = outcome(consumed(column), one(type_, **keys))
    assert not faults
    ((_, _, values),) = parts
    return values


def record(name: str, values: pa.Array) -> pa.Array:
    return pa.StructArray.from_arrays([values], names=[name])


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array([datetime.date(1969, 5, 4)]), "1969-05-04"),
        (pa.array([datetime.datetime(2020, 1, 1, tzinfo=UTC)], pa.timestamp("ms", "UTC")), "2020-01-01T00:00:00.000Z"),
        (pa.array([datetime.datetime(1960, 1, 1, 1, tzinfo=UTC)], pa.timestamp("us")), "1960-01-01T01:00:00.000000Z"),
        (pa.array([1], pa.timestamp("ns")), "1970-01-01T00:00:00.000000001Z"),
        (pa.array([datetime.time(1, 2, 3)], pa.time32("ms")), "01:02:03.000Z"),
        (pa.array([datetime.time(1, 2, 3, 4)], pa.time64("us")), "01:02:03.000004Z"),
        (pa.array(["x"]).dictionary_encode(), "x"),
        (pa.array([decimal.Decimal("-0.0000001")]), "-1E-7"),
    ],
)
def test_text_of_dates_and_times_goes_by_their_type(values: pa.Array, text: str) -> None:
    assert values_of(record("f", values), "Cast$Value", spec="f:string") == [{"f": text}]


def test_a_uuid_is_a_text() -> None:
    one_uuid = uuid.UUID(int=5)
    column = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([one_uuid.bytes], pa.binary(16)))
    assert values_of(record("f", column), "Cast$Value", spec="f:string") == [{"f": str(one_uuid)}]


@pytest.mark.parametrize(
    ("type_", "keys", "name", "default"),
    [
        ("unwrap", {}, "n", 7),
        ("unwrap", {"delete_handling_mode": "rewrite"}, "n", 7),
        ("Flatten$Value", {}, "after.n", 7),
        ("ReplaceField$Value", {"renames": "n:m"}, "m", 7),
        ("Cast$Value", {"spec": "n:string"}, "n", "7"),
        ("Cast$Value", {"spec": "n:int64"}, "n", 7),
        ("InsertField$Value", {"static_field": "s", "static_value": "x"}, "n", 7),
        (
            "TimestampConverter$Value",
            {"field": "n", "target_type": "Timestamp", "unix_precision": "seconds"},
            "n",
            None,
        ),
    ],
)
def test_defaults_stay_with_their_fields(type_: str, keys: dict[str, str], name: str, default: Any) -> None:
    row = pa.struct([with_default(pa.field("n", pa.int64()), pa.array([7]))])
    values = pa.array([{"n": 1}], row)
    if type_ in ("unwrap", "Flatten$Value"):
        names = ["before", "after", "op"] if type_ == "unwrap" else ["after"]
        columns = {"before": pa.nulls(1, row), "after": values, "op": pa.array(["c"])}
        values = pa.StructArray.from_arrays([columns[one] for one in names], names=names)
    (part,) = one(type_, **keys).apply(consumed(values)).parts
    found = default_of(part.batch.value.type.field(name))
    assert (None if found is None else found[0].as_py()) == default


def test_the_schemas_name_stays_and_the_registrys_id_goes() -> None:
    column = pa.array([{"a": 1, "b": 2}])
    batch = consumed(column)
    metadata = {SCHEMA_NAME: b"shop.Order", SCHEMA_ID: b"7"}
    index = batch.records.schema.get_field_index("value")
    named = Batch("t", batch.records.set_column(index, pa.field("value", column.type, metadata=metadata), column))
    (part,) = one("ReplaceField$Value", exclude="a").apply(named).parts
    assert part.batch.value_field.metadata == {SCHEMA_NAME: b"shop.Order"}
    (part,) = one("SetSchemaMetadata$Value", schema_name="a.B", schema_version="2").apply(named).parts
    assert part.batch.value_field.metadata == {SCHEMA_NAME: b"a.B", SCHEMA_VERSION: b"2"}


def test_a_slice_is_transformed_as_if_it_were_a_batch_of_its_own() -> None:
    column = pa.array([{"a": {"b": number, "c": [number]}} for number in range(10)])
    batch = consumed(column, headers=[{"h": str(number)} for number in range(10)]).slice(3, 4)
    (part,) = one("Flatten$Value").apply(batch).parts
    assert part.batch.value.to_pylist() == [{"a.b": number, "a.c": [number]} for number in range(3, 7)]
    (part,) = one("HeaderFrom$Value", fields="a", headers="copy", operation="copy").apply(batch).parts
    assert part.batch.records.column("headers").to_pylist()[0] == [
        {"key": "h", "value": b"3"},
        {"key": "copy", "value": b'{"b":3,"c":[3]}'},
    ]
    (part,) = one("DropHeaders", headers="h").apply(batch).parts
    assert part.batch.records.column("headers").to_pylist() == [[]] * 4


def test_finer_timestamps_are_cut_to_milliseconds_towards_the_past() -> None:
    column = pa.array([{"t": -1}], pa.struct([("t", pa.timestamp("us", "UTC"))]))
    assert values_of(column, "TimestampConverter$Value", field="t", target_type="unix") == [{"t": -1}]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("a.b", ["a", "b"]),
        ("`a.b`.c", ["a.b", "c"]),
        ("a.`b.c`", ["a", "b.c"]),
        ("`a`b`.c", ["a`b", "c"]),
        ("`a\\`.b`.c", ["a`.b", "c"]),
        ("a.", ["a", ""]),
        ("a..b", ["a", "", "b"]),
        ("", []),
    ],
)
def test_paths(path: str, names: list[str]) -> None:
    assert steps(path, "V2") == names
    assert steps(path, "V1") == [path]
