"""What transforms made of a run of consumed records, in the order in which a sink has to take it. Pure."""

from __future__ import annotations

import itertools

import numpy as np

from tidegate.converters.consumed_runs import ConsumedRun
from tidegate.transforms.row_order import in_row_order
from tidegate.transforms.transformed import Part, Transformed


def transformed_runs(run: ConsumedRun, transformed: Transformed) -> list[ConsumedRun]:
    """Runs and faults whose rows ascend from one to the next.

    So a sink that stops at a record has put all before it and none after it, whatever topics they were routed to.

    Args:
        run: consumed records.
        transformed: what the transforms made of its batch; rows are those of the batch.
    """
    faults = {fault.row: fault for fault in transformed.faults}
    bounds = np.array(sorted(faults), dtype=np.int64)
    first = run.rows[0]
    found: list[tuple[int, ConsumedRun]] = [
        (row, ConsumedRun((first + row,), None, fault)) for row, fault in faults.items()
    ]
    for part in in_row_order(transformed.parts):
        for piece in _cut(part, bounds):
            rows = [first + row for row in piece.rows.tolist()]
            found.append((int(piece.rows[0]), ConsumedRun(rows, piece.batch)))
    return [each for _, each in sorted(found, key=lambda item: item[0])]


def _cut(part: Part, bounds: np.ndarray) -> list[Part]:
    """The part cut wherever one of the bounds lies between two of its rows."""
    edges = [0, *np.unique(np.searchsorted(part.rows, bounds)).tolist(), len(part.rows)]
    return [
        Part(part.batch.slice(start, end - start), part.rows[start:end])
        for start, end in itertools.pairwise(edges)
        if start < end
    ]
