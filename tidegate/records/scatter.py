"""Putting values back to the rows they were taken from."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def scatter(values: pa.Array, present: pa.Array) -> pa.Array:
    """Values spread over the rows where a condition holds, null elsewhere.

    Args:
        values: m values.
        present: n booleans, m of them true.
    """
    ordinal = pc.subtract(pc.cumulative_sum(present.cast(pa.int64())), 1)
    return values.take(pc.if_else(present, ordinal, pa.scalar(None, pa.int64())))
