"""What a sink takes of a transformed run: every record once, in the order of the topic it came from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from tidegate_worker.task.transformed_runs import transformed_runs

from tidegate.converters.consumed_runs import ConsumedRun
from tidegate.records.envelope import Batch, envelope
from tidegate.transforms.transformed import Part, Transformed, fault


def batch(topic: str, rows: list[int]) -> Batch:
    return envelope(topic, pa.array([str(row) for row in rows], pa.string()))


@given(st.lists(st.sampled_from(["a", "b", "dropped", "fault"]), min_size=1, max_size=30), st.integers(0, 5))
def test_rows_ascend_and_each_is_there_once(fates: list[str], first: int) -> None:
    parts = []
    for topic in ("a", "b"):
        rows = [row for row, fate in enumerate(fates) if fate == topic]
        if rows:
            parts.append(Part(batch(topic, rows), np.array(rows, dtype=np.int64)))
    faults = [fault(row, "no") for row, fate in enumerate(fates) if fate == "fault"]
    consumed = ConsumedRun(range(first, first + len(fates)), batch("t", list(range(len(fates)))))

    runs = transformed_runs(consumed, Transformed(parts, faults))

    seen = [row - first for run in runs for row in run.rows]
    assert seen == [row for row, fate in enumerate(fates) if fate != "dropped"]
    for run in runs:
        rows = [row - first for row in run.rows]
        if run.batch is None:
            assert [fates[row] for row in rows] == ["fault"] and run.fault is not None
        else:
            assert {fates[row] for row in rows} == {run.batch.topic}
            assert run.batch.value.to_pylist() == [str(row) for row in rows]
