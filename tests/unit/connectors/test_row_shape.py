"""Inferred types: what is required, what joins what, and that nothing is lost on the way to columns."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidegate.sdk.row_shape import RowShapes, TypeConflictError

Rows = list[dict[str, Any]]


def runs(shapes: RowShapes, rows: Rows) -> list[tuple[int, pa.StructArray]]:
    return list(shapes.columns(rows))


def test_a_field_in_every_row_is_required_and_a_later_one_is_not() -> None:
    shapes = RowShapes()
    [(_, column)] = runs(shapes, [{"a": 1, "b": "x"}, {"a": 2, "b": None}, {"a": 3, "b": "y", "c": True}])
    assert column.type == pa.struct(
        [pa.field("a", pa.int64(), nullable=False), pa.field("b", pa.string()), pa.field("c", pa.bool_())]
    )


def test_what_was_learned_stays() -> None:
    shapes = RowShapes()
    runs(shapes, [{"a": 1, "b": None}, {"a": 1.5, "b": "x"}])
    [(_, column)] = runs(RowShapes(json.loads(json.dumps(shapes.state()))), [{"a": 1, "b": "x"}])
    assert column.type == pa.struct([pa.field("a", pa.float64(), nullable=False), pa.field("b", pa.string())])


def test_a_renamed_field_makes_a_shape_of_its_own() -> None:
    found = runs(RowShapes(), [{"id": 1, "old": "a"}, {"id": 2, "new": "b"}, {"id": 3, "old": "c"}])
    assert [(start, [field.name for field in column.type]) for start, column in found] == [
        (0, ["id", "old"]),
        (1, ["id", "new"]),
        (2, ["id", "old"]),
    ]


def test_a_changed_type_makes_a_shape_of_its_own() -> None:
    found = runs(RowShapes(), [{"id": 1}, {"id": "x"}])
    assert [column.type.field("id").type for _, column in found] == [pa.int64(), pa.string()]


def test_a_field_without_a_type_waits_for_one() -> None:
    shapes = RowShapes()
    [(_, column)] = runs(shapes, [{"a": 1, "tags": [], "n": None}])
    assert [field.name for field in column.type] == ["a"]
    [(_, column)] = runs(shapes, [{"a": 1, "tags": ["x"], "n": {"k": 1}}])
    assert column.to_pylist() == [{"a": 1, "tags": ["x"], "n": {"k": 1}}]


def test_a_list_of_mixed_types_is_refused() -> None:
    with pytest.raises(TypeConflictError):
        runs(RowShapes(), [{"a": [1, "x"]}])


values = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=5), st.floats(allow_nan=False)
)
rows_ = st.lists(st.dictionaries(st.sampled_from("abcd"), values, max_size=4), min_size=1, max_size=12)


@example([[{"a": 1}], [{"a": 0.5}]])
@example([[{"a": 0.5}], [{"a": True}]])
@given(st.lists(rows_, min_size=1, max_size=3))
def test_columns_hold_what_the_rows_held(batches: list[Rows]) -> None:
    shapes = RowShapes()
    for rows in batches:
        got: Rows = []
        for start, column in runs(shapes, rows):
            assert start == len(got)
            for field in column.type:
                assert field.nullable or column.field(field.name).null_count == 0
            got += column.to_pylist()
        assert [{k: v for k, v in row.items() if v is not None} for row in got] == [
            {k: v for k, v in row.items() if v is not None} for row in rows
        ]
