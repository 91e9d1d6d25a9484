"""A chain of transforms: rows, order, faults, predicates."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transforms.record_batches import chain, consumed, one, outcome
from tidegate.errors import RetriableError
from tidegate.records.envelope import Batch
from tidegate.records.faults import Stage
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.transforms.chain import Link, TransformChain
from tidegate.transforms.row_order import in_row_order
from tidegate.transforms.side import Side, with_column
from tidegate.transforms.transform import Transform, TransformContext
from tidegate.transforms.transformed import Transformed, by_topic, faults_of, whole


def numbers(*values: int | None) -> pa.Array:
    return pa.array([None if value is None else {"n": value} for value in values], pa.struct([("n", pa.int64())]))


def test_no_transforms_leave_the_batch_as_it_is() -> None:
    batch = consumed(numbers(1, 2))
    done = TransformChain().apply(batch)
    assert not TransformChain()
    assert done.parts[0].batch is batch
    assert done.parts[0].rows.tolist() == [0, 1]


def test_dropped_rows_are_in_no_part_and_offsets_stay_with_their_records() -> None:
    dropping = chain(
        {
            "transforms": "drop",
            "transforms.drop.type": "org.apache.kafka.connect.transforms.Filter",
            "transforms.drop.predicate": "tombstone",
            "predicates": "tombstone",
            "predicates.tombstone.type": "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
        }
    )
    (part,) = dropping.apply(consumed(numbers(1, None, 3))).parts
    assert part.rows.tolist() == [0, 2]
    assert part.batch.records.column("offset").to_pylist() == [100, 102]


def test_a_bad_value_halts_its_record_alone() -> None:
    batch = consumed(pa.array([{"n": "1"}, {"n": "x"}, None, {"n": "3"}]))
    done = one("Cast$Value", spec="n:int32").apply(batch)
    (fault,) = done.faults
    assert (fault.row, fault.stage, fault.exception) == (1, Stage.TRANSFORMATION, "DataException")
    assert fault.message == "Field n: 'x' is no int32, or out of its range."
    (part,) = done.parts
    assert part.rows.tolist() == [0, 2, 3]
    assert part.batch.value.to_pylist() == [{"n": 1}, None, {"n": 3}]


def test_a_later_transform_names_the_rows_of_the_input() -> None:
    batch = consumed(pa.array([{"n": "x"}, {"n": "700"}, {"n": "5"}]))
    twice = chain(
        {
            "transforms": "a,b",
            "transforms.a.type": "Cast$Value",
            "transforms.a.spec": "n:int64",
            "transforms.b.type": "TimestampConverter$Value",
            "transforms.b.field": "n",
            "transforms.b.target.type": "Timestamp",
        }
    )
    parts, faults = outcome(batch, twice)
    assert list(faults) == [0]
    assert [rows for _, rows, _ in parts] == [[1, 2]]


def test_records_routed_apart_keep_their_topic_of_origin() -> None:
    batch = consumed(numbers(1, 2, 3))
    done = one("TimestampRouter", timestamp_format="ss").apply(batch)
    assert [(part.batch.topic, part.rows.tolist()) for part in done.parts] == [
        ("orders-20", [0]),
        ("orders-21", [1]),
        ("orders-22", [2]),
    ]
    assert {part.batch.original_topic for part in done.parts} == {"orders"}


PREDICATED = {
    "transforms": "t",
    "transforms.t.predicate": "traced",
    "predicates": "traced",
    "predicates.traced.type": "HasHeaderKey",
    "predicates.traced.name": "trace",
}
TRACED = {"trace": "1"}


def test_records_of_a_topic_are_never_reordered_by_a_predicate() -> None:
    batch = consumed(numbers(1, 2, 3, 4), headers=[TRACED, None, TRACED, TRACED])
    changed = chain({**PREDICATED, "transforms.t.type": "ReplaceField$Value", "transforms.t.renames": "n:m"})
    assert outcome(batch, changed)[0] == [
        ("orders", [0], [{"m": 1}]),
        ("orders", [1], [{"n": 2}]),
        ("orders", [2, 3], [{"m": 3}, {"m": 4}]),
    ]


def test_records_that_still_share_a_schema_stay_in_one_batch() -> None:
    batch = consumed(numbers(1, 2, 3), headers=[TRACED, None, TRACED])
    masked = chain({**PREDICATED, "transforms.t.type": "MaskField$Value", "transforms.t.fields": "n"})
    assert outcome(batch, masked)[0] == [("orders", [0, 1, 2], [{"n": 0}, {"n": 2}, {"n": 0}])]
    negated = chain({**PREDICATED, "transforms.t.type": "Filter", "transforms.t.negate": "true"})
    assert outcome(batch, negated)[0] == [("orders", [0, 2], [{"n": 1}, {"n": 3}])]


class Stub(Transform):
    """A transform of someone else."""

    name: ClassVar[str] = "stub"
    config_def: ClassVar[ConfigDef] = ConfigDef()

    def __init__(self, action: Any = None) -> None:
        self.action = action

    def configure(self, config: Config, context: TransformContext) -> None:
        """Takes nothing."""

    def apply(self, batch: Batch) -> Transformed:
        """Does what the test wants."""
        result = self.action(batch)
        assert isinstance(result, Transformed)
        return result


def test_an_exception_is_the_fault_of_the_record_that_raises_it() -> None:
    def picky(batch: Batch) -> Transformed:
        if {"n": 3} in batch.value.to_pylist():
            raise ValueError("three is no number")
        return whole(batch)

    done = TransformChain([Link("picky", Stub(picky))]).apply(consumed(numbers(1, 2, 3, 4, 5)))
    assert [(fault.row, fault.exception, fault.message) for fault in done.faults] == [
        (2, "ValueError", "Transform picky: three is no number")
    ]
    assert [row for part in done.parts for row in part.rows.tolist()] == [0, 1, 3, 4]


def test_a_system_that_is_away_is_no_fault_of_a_record() -> None:
    def away(batch: Batch) -> Transformed:
        raise RetriableError("the geocoder is away.")

    with pytest.raises(RetriableError):
        TransformChain([Link("geo", Stub(away))]).apply(consumed(numbers(1)))


VERDICTS = st.sampled_from(["a", "b", "drop", "fault"])


@given(st.lists(st.tuples(VERDICTS, st.booleans()), min_size=1, max_size=30), st.integers(1, 3))
def test_every_row_ends_in_one_place_and_topics_keep_their_order(verdicts: list[tuple[str, bool]], links: int) -> None:
    """A transform routes by the value's text, retypes some records, drops some, faults others."""

    def scatter(batch: Batch) -> Transformed:
        words = [json["verdict"] for json in batch.value.to_pylist()]
        routed = {topic: np.flatnonzero([word == topic for word in words]).astype(np.int64) for topic in ("a", "b")}
        return by_topic(batch, routed, faults_of([at for at, word in enumerate(words) if word == "fault"], "so"))

    def retype(batch: Batch) -> Transformed:
        values = batch.value
        more = pa.StructArray.from_arrays([*values.flatten(), values.field("odd")], names=["verdict", "odd", "more"])
        return whole(with_column(batch, Side.VALUE, more, pa.field("value", more.type)))

    class Odd:
        def test(self, batch: Batch) -> pa.BooleanArray:
            return batch.value.field("odd")

        def close(self) -> None: ...

    values = pa.array([{"verdict": verdict, "odd": odd} for verdict, odd in verdicts])
    steps = [Link("s", Stub(scatter)), Link("r", Stub(retype), Odd())]  # type: ignore[arg-type]
    done = TransformChain([steps[number % 2] for number in range(links)]).apply(consumed(values))
    rows = [row for part in done.parts for row in part.rows.tolist()]
    dropped = [row for row, (verdict, _) in enumerate(verdicts) if verdict == "drop"]
    assert sorted([*rows, *(fault.row for fault in done.faults), *dropped]) == list(range(len(verdicts)))
    for part in done.parts:
        assert part.batch.records.column("offset").to_pylist() == [100 + row for row in part.rows.tolist()]
    for topic in ("a", "b"):
        own = [row for part in done.parts if part.batch.topic == topic for row in part.rows.tolist()]
        assert own == sorted(own)
    straight = in_row_order(done.parts)
    assert [row for part in straight for row in part.rows.tolist()] == sorted(rows)
    assert [at for part in straight for at in part.batch.records.column("offset").to_pylist()] == [
        100 + row for row in sorted(rows)
    ]
