"""The string converter."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tidegate.converters.string import StringConverter
from tidegate.errors import ConfigError
from tidegate.records.faults import Stage


def converter(*, is_key: bool = False) -> StringConverter:
    made = StringConverter()
    made.configure({}, is_key=is_key, registry=None)
    return made


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["a", None, "ü"]), [b"a", None, "ü".encode()]),
        (pa.array([b"\xff", None]), [b"\xff", None]),
        (pa.array([1, None]), [b"1", None]),
        (pa.array([True, False]), [b"true", b"false"]),
        (pa.array([{"a": 1}, None]), [b'{"a":1}', None]),
        (pa.array(["x"]).dictionary_encode(), [b"x"]),
        (pa.nulls(2), [None, None]),
    ],
    ids=str,
)
def test_text_of_a_column(column: pa.Array, expected: list[bytes | None]) -> None:
    assert converter().encode("t", column, pa.field("value", column.type)).data.to_pylist() == expected


def test_text_that_is_not_utf8_is_alone() -> None:
    decoded = converter(is_key=True).decode("t", pa.array([b"a", None, b"\xff", b""], pa.binary()))
    (run,) = decoded.runs
    assert run.rows.to_pylist() == [0, 1, 3]
    assert run.values.to_pylist() == ["a", None, ""]
    assert run.field == pa.field("key", pa.string())
    assert [(fault.row, fault.stage) for fault in decoded.faults] == [(2, Stage.KEY_CONVERTER)]


def test_other_encodings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"converter\.encoding"):
        StringConverter().configure({"converter.encoding": "latin-1"}, is_key=False, registry=None)
