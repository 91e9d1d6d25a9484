"""What of a poll may be written when a record further on can not."""

from __future__ import annotations

from typing import Any, cast

import pyarrow as pa
import pytest
from tidegate_worker.task.source_encoding import SourceEncoder
from tidegate_worker.task.source_polls import Mark, Polled

from tidegate.converters.base import Encoded
from tidegate.errors import FatalError
from tidegate.records.envelope import Batch, SourceBatch, envelope
from tidegate.transforms.transformed import Transformed, whole


class _Chain:
    def apply(self, batch: Batch) -> Transformed:
        if batch.topic == "bad":
            raise FatalError("a record can not be transformed")
        return whole(batch)


class _AsItIs:
    def encode(self, topic: str, column: pa.Array, field: pa.Field) -> Encoded:
        return Encoded(column.cast(pa.binary()))


class _Once:
    def call(self, function: Any) -> Any:
        return function()


def _encoder() -> SourceEncoder:
    parts: list[Any] = [_Chain(), _AsItIs(), _AsItIs(), None, _Once()]
    return SourceEncoder(*cast(Any, parts))


def _batch(topic: str, position: int | None) -> SourceBatch:
    batch = envelope(topic, pa.array([topic]), key=pa.array(["k"]))
    return SourceBatch(batch, {"server": "s"}, None if position is None else {"at": position})


def _written(*batches: SourceBatch) -> list[tuple[list[str], list[Any]]]:
    """Topics and offsets of what is written before the encoder gives up."""
    written: list[tuple[list[str], list[Any]]] = []
    polls = cast(Any, iter([Polled(Mark.RECORDS, batches)]))
    with pytest.raises(FatalError):
        written.extend(
            ([one.topic for one in each.batches], [offset for _, offset in each.offsets])
            for each in _encoder().encode(polls)
        )
    return written


def test_batches_up_to_the_last_position_are_written() -> None:
    written = _written(_batch("a", None), _batch("b", 1), _batch("c", None), _batch("bad", 2))
    assert written == [(["a", "b"], [{"at": 1}])]


def test_without_a_position_nothing_is_written() -> None:
    assert _written(_batch("a", None), _batch("bad", 1)) == []


def test_a_whole_poll_has_the_position_of_its_last_batch() -> None:
    polls = cast(Any, iter([Polled(Mark.RECORDS, [_batch("a", None), _batch("b", 7)])]))
    (each,) = _encoder().encode(polls)
    assert ([one.topic for one in each.batches], list(each.offsets)) == (
        ["a", "b"],
        [({"server": "s"}, {"at": 7})],
    )
