"""The headers column of a batch: adding headers, taking them away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records.envelope import HEADERS, Batch

_ITEM = HEADERS.value_type


def with_headers(batch: Batch, added: Sequence[tuple[str, pa.Array]]) -> Batch:
    """The batch with headers behind those its records have.

    Args:
        batch: n records.
        added: names, and n binary values each; null is a header without a value.
    """
    if not added:
        return batch
    size, more = len(batch), len(added)
    old = batch.records.column("headers")
    lengths = pc.fill_null(pc.list_value_length(old), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    offsets = np.concatenate(([0], np.cumsum(lengths + more)))
    existing = old.flatten()
    fresh = pa.concat_arrays([_items(name, values) for name, values in added])
    # Rows of the old items first, then for each added header the row it is of.
    order = np.empty(int(offsets[-1]), dtype=np.int64)
    rows = np.repeat(np.arange(size), lengths)
    within = np.arange(len(existing)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    order[offsets[rows] + within] = np.arange(len(existing))
    for number in range(more):
        order[offsets[:-1] + lengths + number] = len(existing) + number * size + np.arange(size)
    items = pa.concat_arrays([existing, fresh]).take(pa.array(order))
    return _replaced(batch, pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), items, type=HEADERS))


def without_headers(batch: Batch, names: Sequence[str]) -> Batch:
    """The batch without the headers of some names."""
    old = batch.records.column("headers")
    if old.null_count == len(old):
        return batch
    items = old.flatten()
    kept = pc.invert(pc.is_in(items.field("key"), value_set=pa.array(names, pa.string())))
    lengths = pc.fill_null(pc.list_value_length(old), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.concatenate(([0], np.cumsum(kept.to_numpy(zero_copy_only=False))))
    offsets = ends[np.concatenate(([0], np.cumsum(lengths)))].astype(np.int32)
    return _replaced(batch, pa.ListArray.from_arrays(pa.array(offsets), items.filter(kept), type=HEADERS))


def have_header(batch: Batch, name: str) -> pa.BooleanArray:
    """Which records have a header of a name."""
    column = batch.records.column("headers")
    found = np.zeros(len(batch), dtype=bool)
    if column.null_count < len(column):
        named = pc.equal(column.flatten().field("key"), name)
        found[pc.list_parent_indices(column).filter(named).to_numpy(zero_copy_only=False)] = True
    return pa.array(found)


def _items(name: str, values: pa.Array) -> pa.StructArray:
    names = pa.array([name], pa.string()).take(pa.array(np.zeros(len(values), dtype=np.int64)))
    return pa.StructArray.from_arrays([names, values.cast(pa.binary())], fields=list(_ITEM))


def _replaced(batch: Batch, headers: pa.Array) -> Batch:
    index = batch.records.schema.get_field_index("headers")
    return batch.with_records(batch.records.set_column(index, batch.records.schema.field(index), headers))
