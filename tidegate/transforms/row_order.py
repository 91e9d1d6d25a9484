"""Parts of a transformed batch, brought into the order of the rows they came from."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pyarrow as pa

from tidegate.transforms.transformed import Part


def settled(parts: Sequence[Part]) -> list[Part]:
    """The parts with the records of each topic in row order.

    Parts of one topic and one schema become one. Where parts of one topic differ in schema they are cut into runs, so
    that a later record never comes before an earlier one of its topic.

    Args:
        parts: rows ascending within each.
    """
    if len(parts) < 2:
        return list(parts)
    merged: dict[tuple[str, Hashable], list[Part]] = {}
    for part in parts:
        merged.setdefault((part.batch.topic, _identity(part.batch.records.schema)), []).append(part)
    by_topic: dict[str, list[Part]] = {}
    for (topic, _), same in merged.items():
        by_topic.setdefault(topic, []).append(_merged(same))
    found = [run for own in by_topic.values() for run in in_row_order(own)]
    return sorted(found, key=lambda part: int(part.rows[0]))


def in_row_order(parts: Sequence[Part]) -> list[Part]:
    """The parts cut into runs, so that rows ascend from part to part whatever their topics are.

    A sink that may have to stop at any record (``errors.tolerance=none``) needs this: all records before the one it
    stops at have been put then, and none after it.

    Args:
        parts: rows ascending within each, no row in two of them.
    """
    if len(parts) < 2:
        return list(parts)
    rows = np.concatenate([part.rows for part in parts])
    owner = np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts])
    owner = owner[np.argsort(rows, kind="stable")]
    edges = np.flatnonzero(np.diff(owner)) + 1
    taken = [0] * len(parts)
    runs = []
    for start, end in zip([0, *edges.tolist()], [*edges.tolist(), len(owner)], strict=True):
        number = int(owner[start])
        part, first, length = parts[number], taken[number], end - start
        taken[number] += length
        whole = length == len(part.rows)
        batch = part.batch if whole else part.batch.slice(first, length)
        runs.append(Part(batch, part.rows[first : first + length]))
    return runs


def _identity(schema: pa.Schema) -> Hashable:
    return bytes(schema.serialize())


def _merged(parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    together = pa.concat_batches([part.batch.records for part in parts])
    return Part(parts[0].batch.with_records(together.take(pa.array(order))), rows[order])
