"""Changes of the log that a snapshot has shown already."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidegate.connectors.cdc.change_batch import CREATE, DELETE, Changes

Mask = npt.NDArray[np.bool_]


def unseen(changes: Changes, seen_old: Mask, seen_new: Mask, moved: Mask, has_new: Mask) -> tuple[Changes, Mask]:
    """The changes as far as snapshots have not shown them, and which are left.

    An update that moved a row from a key a snapshot shows after it to one that it does not, or the other way round, is
    left as its half.

    Args:
        changes: n changes.
        seen_old: which a snapshot shows by their key before.
        seen_new: which it shows by their key after.
        moved: which have another key after than before.
        has_new: which have a row after.
    """
    seen_old = np.where(moved | ~has_new, seen_old, seen_new)
    seen_new = np.where(has_new, seen_new, seen_old)
    op = changes.op.copy()
    op[moved & seen_old & ~seen_new] = CREATE
    op[moved & seen_new & ~seen_old] = DELETE
    rows = np.arange(len(op))
    without_before = pa.array(rows, mask=op == CREATE)
    without_after = pa.array(rows, mask=op == DELETE)
    left = replace(
        changes,
        op=op,
        before=None if changes.before is None else changes.before.take(without_before),
        key_before=None if changes.key_before is None else changes.key_before.take(without_before),
        after=changes.after.take(without_after),
        key_after=None if changes.key_after is None else changes.key_after.take(without_after),
    )
    return left, ~(seen_new & seen_old)
