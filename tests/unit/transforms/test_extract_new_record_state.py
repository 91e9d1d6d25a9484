"""Unwrapping change events: what Debezium itself does not tell (see tests/integration/transforms for the rest)."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from tests.unit.transforms.record_batches import consumed, one, outcome

ROW = pa.struct([pa.field("id", pa.int32(), nullable=False), pa.field("place", pa.string())])
EVENT = pa.struct([("before", ROW), ("after", ROW), ("op", pa.string())])
UPDATED: dict[str, Any] = {"before": {"id": 1, "place": "a"}, "after": {"id": 1, "place": "b"}, "op": "u"}
DELETED: dict[str, Any] = {"before": {"id": 1, "place": "b"}, "after": None, "op": "d"}
EVENTS = pa.array([UPDATED, DELETED, None], EVENT)


@pytest.mark.parametrize(
    ("keys", "values"),
    [
        ({"drop_tombstones": "true"}, [{"id": 1, "place": "b"}]),
        ({"drop_tombstones": "false"}, [{"id": 1, "place": "b"}, None]),
        (
            {"delete_handling_mode": "rewrite"},
            [{"id": 1, "place": "b", "__deleted": "false"}, {"id": 1, "place": "b", "__deleted": "true"}],
        ),
        (
            {"delete_handling_mode": "rewrite", "drop_tombstones": "false"},
            [{"id": 1, "place": "b", "__deleted": "false"}, {"id": 1, "place": "b", "__deleted": "true"}, None],
        ),
    ],
)
def test_the_keys_of_debezium_2_keep_their_meaning(keys: dict[str, str], values: list[Any]) -> None:
    parts, faults = outcome(consumed(EVENTS), one("unwrap", **keys))
    assert not faults
    assert parts[0][2] == values


def test_records_of_a_topic_stay_one_batch_and_offsets_stay_with_them() -> None:
    (part,) = one("unwrap").apply(consumed(EVENTS)).parts
    assert part.batch.value.to_pylist() == [{"id": 1, "place": "b"}, None]
    assert part.batch.records.column("offset").to_pylist() == [100, 101]
    assert part.batch.value.type == ROW


def test_records_without_a_topic_field_are_halted_alone() -> None:
    parts, faults = outcome(consumed(EVENTS), one("unwrap", route_by_field="place"))
    assert [(topic, rows) for topic, rows, _ in parts] == [("b", [0, 1])]
    assert not faults
    _, faults = outcome(consumed(EVENTS), one("unwrap", route_by_field="nowhere"))
    assert sorted(faults) == [0, 1]
