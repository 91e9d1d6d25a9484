"""Converters of single values: Kafka's own binary forms."""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.converters.base import Converter
from tidegate.converters.plugins import converter

KINDS = {
    "short": pa.int16(),
    "integer": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
}
NUMBERS = {"short": ">h", "integer": ">i", "long": ">q", "float": ">f", "double": ">d"}


def made(name: str) -> Converter:
    one = converter(name)
    one.configure({}, is_key=False, registry=None)
    return one


@pytest.mark.parametrize("name", NUMBERS)
@given(st.data())
def test_numbers_are_big_endian(name: str, data: st.DataObject) -> None:
    form = NUMBERS[name]
    size = struct.calcsize(form)
    whole = st.integers(-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1)
    real = st.floats(width=32 if name == "float" else 64, allow_nan=False)
    values: list[Any] = data.draw(st.lists(st.none() | (whole if form in (">h", ">i", ">q") else real), max_size=5))
    kind = {
        "short": pa.int16(),
        "integer": pa.int32(),
        "long": pa.int64(),
        "float": pa.float32(),
        "double": pa.float64(),
    }[name]
    encoded = made(name).encode("t", pa.array(values, kind), pa.field("value", kind))
    assert encoded.data.to_pylist() == [None if value is None else struct.pack(form, value) for value in values]
    runs = made(name).decode("t", encoded.data).runs
    assert [value for run in runs for value in run.values.to_pylist()] == values


def test_a_number_out_of_range_is_a_fault_and_a_narrow_one_widens() -> None:
    encoded = made("short").encode("t", pa.array([1, 40_000, None, -32_768]), pa.field("value", pa.int64()))
    assert encoded.data.to_pylist() == [b"\x00\x01", None, None, b"\x80\x00"]
    assert [(fault.row, fault.message) for fault in encoded.faults] == [
        (1, "The value is 40000, which does not fit int16.")
    ]
    unsigned = made("long").encode("t", pa.array([2**63], pa.uint64()), pa.field("value", pa.uint64()))
    assert [fault.row for fault in unsigned.faults] == [0]
    assert made("long").encode("t", pa.array([7], pa.int8()), pa.field("value", pa.int8())).data[
        0
    ].as_py() == struct.pack(">q", 7)


@pytest.mark.parametrize(("name", "size"), [("short", 2), ("integer", 4), ("long", 8), ("float", 4), ("double", 8)])
def test_data_of_another_size_is_a_fault(name: str, size: int) -> None:
    decoded = made(name).decode("t", pa.array([b"x" * (size - 1), None, b"\x00" * size, b""], pa.binary()))
    assert [fault.row for fault in decoded.faults] == [0, 3]
    (run,) = decoded.runs
    assert run.rows.to_pylist() == [1, 2]
    assert run.values.to_pylist() == [None, 0]


def test_booleans_are_one_byte() -> None:
    values = pa.array([True, None, False])
    assert made("boolean").encode("t", values, pa.field("value", pa.bool_())).data.to_pylist() == [
        b"\x01",
        None,
        b"\x00",
    ]
    decoded = made("boolean").decode("t", pa.array([b"\x01", None, b"\x02", b"\x00"], pa.binary()))
    assert decoded.runs[0].values.to_pylist() == [True, None, False]
    assert [fault.row for fault in decoded.faults] == [2]


def test_bytes_are_as_they_are() -> None:
    values = pa.array([b"\x00\xff", None, b""])
    assert made("bytes").encode("t", values, pa.field("value", pa.binary())).data.to_pylist() == values.to_pylist()
    assert made("bytes").decode("t", values).runs[0].values.to_pylist() == values.to_pylist()


@pytest.mark.parametrize("name", [*NUMBERS, "boolean", "bytes"])
def test_a_value_of_another_type_is_a_fault(name: str) -> None:
    encoded = made(name).encode("t", pa.array(["x", None]), pa.field("value", pa.string()))
    assert [fault.row for fault in encoded.faults] == [0]
    assert "is string, and this converter writes" in encoded.faults[0].message
    assert made(name).encode("t", pa.nulls(2), pa.field("value", pa.null())).data.to_pylist() == [None, None]
