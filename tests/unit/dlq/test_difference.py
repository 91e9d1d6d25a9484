"""What is said of a record beside the schema that was expected."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tidegate.dlq.difference import differences

EXPECTED = pa.struct(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("userId", pa.string(), nullable=False),
        pa.field("address", pa.struct([pa.field("city", pa.string())])),
    ]
)


def changed(name: str, *fields: pa.Field) -> pa.StructType:
    return pa.struct([*(field for field in EXPECTED if field.name != name), *fields])


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (EXPECTED, []),
        (changed("userId", pa.field("user_id", pa.string())), ["userId missing, user_id unexpected: renamed?"]),
        (changed("userId"), ["userId missing (string)"]),
        (changed("", pa.field("age", pa.int32())), ["age unexpected (int)"]),
        (changed("id", pa.field("id", pa.string())), ["id is string, expected long"]),
        (
            changed("address", pa.field("address", pa.struct([pa.field("town", pa.string())]))),
            ["address.city missing, town unexpected: renamed?"],
        ),
        (
            changed("userId", pa.field("a", pa.string()), pa.field("zzz", pa.string())),
            ["userId missing (string)", "a unexpected (string)", "zzz unexpected (string)"],
        ),
    ],
)
def test_each_difference_is_named(record: pa.DataType, said: list[str]) -> None:
    assert [str(each) for each in differences(record, EXPECTED)] == said


@pytest.mark.parametrize(
    ("record", "expected", "differs"),
    [
        (pa.int64(), pa.float64(), False),
        (pa.float64(), pa.int64(), True),
        (pa.string(), pa.int64(), True),
        (pa.string(), pa.decimal128(9, 2), False),
        (pa.string(), pa.timestamp("ms", "UTC"), False),
        (pa.int64(), pa.string(), True),
        (pa.bool_(), pa.string(), True),
        (pa.string(), pa.bool_(), True),
        (pa.struct([("a", pa.int64())]), pa.map_(pa.string(), pa.int64()), False),
        (pa.string(), pa.list_(pa.string()), True),
        (pa.null(), pa.int64(), False),
    ],
)
def test_of_json_only_its_own_types_count(record: pa.DataType, expected: pa.DataType, differs: bool) -> None:
    found = differences(pa.struct([("f", record)]), pa.struct([("f", expected)]), plain=True)
    assert bool(found) == differs


def test_json_may_lack_fields_as_well() -> None:
    record = pa.struct([pa.field("id", pa.int64()), pa.field("user_id", pa.string()), pa.field("address", pa.null())])
    said = [str(each) for each in differences(record, EXPECTED, plain=True)]
    assert said == ["userId missing, user_id unexpected: renamed?"]
