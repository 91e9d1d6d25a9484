"""JSON by columns: with the native extension and without it the same comes out."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.records.arrow_columns import INT64, KINDS, columns, kind_of
from tidegate import native
from tidegate.connectors.file.line_reader import Lines
from tidegate.connectors.file.sink_task import FileSinkTask
from tidegate.connectors.file.source_task import FileSourceTask
from tidegate.converters.base import Decoded
from tidegate.converters.json import JsonConverter
from tidegate.records.envelope import envelope
from tidegate.records.json_columns import connect_texts, lines, read_declared, read_inferred
from tidegate.sdk.row_shape import RowShapes

pytestmark = pytest.mark.skipif(native.extension is None, reason="the native extension is not built")


@contextmanager
def pure_python() -> Iterator[None]:
    extension, native.extension = native.extension, None
    try:
        yield
    finally:
        native.extension = extension


NUMBERS = INT64 | st.integers(-5, 5) | st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**63, -(2**63), 2**64])
PLAIN = st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "ü"]), inner, max_size=3),
    max_leaves=4,
)
NAMES = st.sampled_from(["a", "b", "c", 'quo"te', "ü", "x\n"])

JUNK = [
    *[b"", b"{", b"1", b"null", b"[]", b'{"a":1} x', b'{"a":1,"a":2}', b'{"a":01}', b'{"a":-0}', b'{"a":1e999}'],
    *[b'{"a":"\\ud83d"}', b'{"a":"\\ud83d\\ude00"}', b'{"a":"\t"}', b'{"a":NaN}', b'{"a":1,}', b'\xef\xbb\xbf{"a":1}'],
]


@st.composite
def objects(draw: st.DrawFn) -> list[bytes]:
    """Objects that mostly go together, some texts that are none, all with or without spaces and escapes."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    kinds = [
        draw(
            st.sampled_from(
                [st.booleans(), NUMBERS, st.floats(allow_nan=False, allow_infinity=False), st.text(), VALUES]
            )
        )
        for _ in names
    ]
    member = [st.tuples(st.just(name), st.none() | kind) for name, kind in zip(names, kinds, strict=True)]
    rows = draw(st.lists(st.tuples(*member).map(dict) | st.dictionaries(NAMES, VALUES, max_size=3), max_size=8))
    texts = [
        orjson.dumps(row, option=draw(st.sampled_from([0, orjson.OPT_INDENT_2])), default=str)
        if all(abs(number) < 2**64 for number in _numbers(row))
        else b"{}"
        for row in rows
    ]
    junk = st.binary(max_size=6) | st.sampled_from(JUNK)
    for position, text in draw(st.lists(st.tuples(st.integers(0, 8), junk), max_size=2)):
        texts.insert(min(position, len(texts)), text)
    return texts


def _numbers(value: Any) -> Iterable[int]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int) else []


def decoded(messages: list[bytes | None]) -> Decoded:
    converter = JsonConverter()
    converter.configure({"schemas.enable": "false"}, is_key=False, registry=None)
    return converter.decode("t", pa.array(messages, pa.binary()))


@settings(max_examples=500)
@given(objects(), st.lists(st.integers(0, 8), max_size=2))
def test_messages_decode_alike(texts: list[bytes], nulls: list[int]) -> None:
    messages: list[bytes | None] = list(texts)
    for position in nulls:
        messages.insert(min(position, len(messages)), None)
    ours = decoded(messages)
    with pure_python():
        theirs = decoded(messages)
    assert list(ours.faults) == list(theirs.faults)
    assert len(ours.runs) == len(theirs.runs)
    for run, other in zip(ours.runs, theirs.runs, strict=True):
        run.values.validate(full=True)
        assert run.field == other.field
        assert run.rows.equals(other.rows)
        assert run.values.equals(other.values)


class _Context:
    """A source task's context that keeps what was halted."""

    def __init__(self) -> None:
        self.halted: list[tuple[bytes, str]] = []

    def halt(self, topic: str, raw: bytes, message: str, exception: str = "DataException") -> None:
        self.halted.append((raw, message))


def polled(batches: list[list[bytes]]) -> tuple[list[Any], list[tuple[bytes, str]]]:
    task, context = FileSourceTask(), _Context()
    task._context, task._path, task._topic = context, Path("f"), "t"  # type: ignore[assignment]
    task._json, task._line_max, task._partition = True, 200, {}
    task._shapes = RowShapes()
    found: list[Any] = []
    at = 0
    for texts in filter(None, batches):
        ends = at + np.cumsum([len(text) + 1 for text in texts])
        at = int(ends[-1])
        lines = Lines(pa.array([text + b"\n" for text in texts], pa.binary()), ends, task._line_max)
        whole = task._json_batch(lines)
        for one in [whole] if whole is not None else task._json_batches(lines):
            one.batch.value.validate(full=True)
            found.append((one.batch.value.type, one.batch.value.to_pylist(), one.offset))
    return found, context.halted


@settings(max_examples=500)
@given(objects(), objects())
def test_lines_are_read_alike(first: list[bytes], second: list[bytes]) -> None:
    batches = [first, second, first]
    ours = polled(batches)
    with pure_python():
        theirs = polled(batches)
    assert ours == theirs


def test_the_plain_case_is_read_natively() -> None:
    texts = pa.array([b'{"a": 1, "b": "x"}', b'{"b":null,"a":-2}', b"{", b'{"a":3,"b":"\\u00fc"}'], pa.binary())
    read = read_declared(texts, pa.struct([pa.field("a", pa.int64(), nullable=False), pa.field("b", pa.string())]))
    assert read is not None
    assert read.left == [2]
    assert read.values.to_pylist() == [{"a": 1, "b": "x"}, {"a": -2, "b": None}, {"a": 3, "b": "ü"}]
    inferred = read_inferred(pa.array([b'{"a":1,"b":null}', None, b'{"a":2.5,"b":true}', b"null"], pa.binary()))
    assert inferred is not None
    assert inferred.values.type == pa.struct([("a", pa.float64()), ("b", pa.bool_())])
    assert inferred.values.to_pylist() == [{"a": 1.0, "b": None}, None, {"a": 2.5, "b": True}, None]


def encoded(field: pa.Field, column: pa.Array, **config: str) -> Any:
    converter = JsonConverter()
    converter.configure({key.replace("_", "."): value for key, value in config.items()}, is_key=False, registry=None)
    done = converter.encode("t", column, field)
    return done.data.to_pylist(), list(done.faults)


@settings(max_examples=400)
@given(columns(KINDS | kind_of(pa.float64(), st.floats()) | kind_of(pa.float32(), st.floats(width=32))), st.booleans())
def test_columns_encode_alike(generated: tuple[pa.Field, pa.Array], schemas: bool) -> None:
    field, column = generated
    config = {"schemas_enable": str(schemas).lower()}
    ours = encoded(field, column, **config)
    with pure_python():
        theirs = encoded(field, column, **config)
    assert ours == theirs


def written(column: pa.Array, tmp_path: Path) -> bytes:
    task = FileSinkTask()
    task._text = False
    path = tmp_path / "out"
    with path.open("wb") as file:
        task._file = file
        task.put(envelope("t", column))
    return path.read_bytes()


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, None, -(2**63), 2**63 - 1]),
        pa.array([2**64 - 1], pa.uint64()),
        pa.array([1.0, 1.5, -0.0, 1e16, 1e17, 1e-7, 0.00001, 123456789.125, 1e300, float("nan"), float("inf"), 5e-324]),
        pa.array([0.1, 3.4e38], pa.float32()),
        pa.array(["", 'a"b\\c/d', "\x00\x1f\x7f\b\f\n\r\t", "ü😀\u2028"]),
        pa.array([b"", b"\xff", b"abc"]),
        pa.array([b"abc"], pa.binary(3)),
        pa.array([datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(2000, 2, 29)]),
        pa.array([0, 1, -1, 1234567890123456, -62135596800000000, None], pa.timestamp("us", "UTC")),
        pa.array([0, 1500, -1], pa.timestamp("ms")),
        pa.array([0, 86399], pa.timestamp("s", "UTC")),
        pa.array([1], pa.timestamp("ms", "Europe/Berlin")),
        pa.array([Decimal("1.50")], pa.decimal128(5, 2)),
        pa.array([[1, None], [], None]),
        pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
        pa.array([{"a": 1, "b": {"c": [True, False]}}, None, {"a": None, "b": None}]),
        pa.array(["x", "y", "x"]).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
@pytest.mark.parametrize("nested", [False, True])
def test_lines_are_written_alike(column: pa.Array, nested: bool, tmp_path: Path) -> None:
    column = pa.StructArray.from_arrays([column], names=["x"]) if nested else column.slice(0)
    ours = written(column, tmp_path)
    with pure_python():
        theirs = written(column, tmp_path)
    assert ours == theirs


def test_the_plain_cases_are_written_natively() -> None:
    column = pa.array([{"a": 1, "b": "x", "c": 1.5, "d": datetime.date(2013, 1, 1)}])
    assert lines(column).to_pylist() == [b'{"a":1,"b":"x","c":1.5,"d":"2013-01-01"}\n']  # type: ignore[union-attr]
    texts = connect_texts(column, b"<", b">")
    assert texts is not None
    assert texts.to_pylist() == [b'<{"a":1,"b":"x","c":1.5,"d":15706}>']
