from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.connectors.opensearch.json_texts import json_texts

_RECORD = pa.struct(
    [
        ("flag", pa.bool_()),
        ("count", pa.int64()),
        ("ratio", pa.float64()),
        ("name", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("inner", pa.struct([("a", pa.int32()), ("b", pa.list_(pa.list_(pa.int8())))])),
        ("labels", pa.map_(pa.string(), pa.int64())),
    ]
)
_int8 = st.integers(-128, 127)
_records = st.none() | st.fixed_dictionaries(
    {
        "flag": st.none() | st.booleans(),
        "count": st.none() | st.integers(-(2**63), 2**63 - 1),
        "ratio": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "name": st.none() | st.text(st.characters(codec="utf-8")),
        "tags": st.none() | st.lists(st.none() | st.text(st.characters(codec="utf-8"))),
        "inner": st.none()
        | st.fixed_dictionaries(
            {
                "a": st.none() | st.integers(-(2**31), 2**31 - 1),
                "b": st.none() | st.lists(st.none() | st.lists(st.none() | _int8)),
            }
        ),
        "labels": st.none() | st.dictionaries(st.text(st.characters(codec="utf-8")), st.none() | st.integers(0, 9)),
    }
)


@given(st.lists(_records, max_size=8), st.integers(0, 3))
def test_json_reads_back_as_the_records(rows: list[dict[str, Any] | None], cut: int) -> None:
    given_ = [None if row is None else {**row, "labels": _entries(row["labels"])} for row in rows]
    texts = json_texts(pa.array(given_, _RECORD).slice(cut)).to_pylist()
    assert [json.loads(text) for text in texts] == rows[cut:]
    assert not any("\n" in text for text in texts)


def _entries(labels: dict[str, int] | None) -> list[tuple[str, int]] | None:
    return None if labels is None else list(labels.items())


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (Decimal("12345678901234567890.10"), pa.decimal128(38, 2), "12345678901234567890.10"),
        (2**64 - 1, pa.uint64(), "18446744073709551615"),
        (0.1, pa.float32(), "0.1"),
        (float("nan"), pa.float64(), '"NaN"'),
        (float("-inf"), pa.float64(), '"-Infinity"'),
        (dt.date(2026, 1, 2), pa.date32(), '"2026-01-02"'),
        (dt.datetime.fromisoformat("2026-01-02T03:04:05.678"), pa.timestamp("ms", "UTC"), '"2026-01-02T03:04:05.678Z"'),
        (
            dt.datetime.fromisoformat("2026-01-02T03:04:05"),
            pa.timestamp("us", "Europe/Oslo"),
            '"2026-01-02T03:04:05.000000Z"',
        ),
        (dt.datetime.fromisoformat("2026-01-02T03:04:05"), pa.timestamp("s"), '"2026-01-02T03:04:05"'),
        (dt.time(3, 4, 5), pa.time32("ms"), '"03:04:05.000"'),
        (b"\x00\xff", pa.binary(), '"AP8="'),
        ([("a", 1)], pa.map_(pa.string(), pa.int8()), '{"a":1}'),
        ([(1, "a")], pa.map_(pa.int8(), pa.string()), '[{"key":1,"value":"a"}]'),
        ([1, 2], pa.list_(pa.int8(), 2), "[1,2]"),
    ],
)
def test_forms(value: Any, kind: pa.DataType, text: str) -> None:
    assert json_texts(pa.array([value, None], kind)).to_pylist() == [text, "null"]


def test_maps_may_be_lists_of_entries() -> None:
    maps = pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int8()))
    assert json_texts(maps, compact_maps=False).to_pylist() == ['[{"key":"a","value":1}]', "[]"]
