"""Which of the records of one key count. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidegate.records.lines import Rows

__all__ = ["Collapsed", "Rows", "collapse", "key_numbers", "others_of_their_keys"]


@dataclass(frozen=True, slots=True)
class Collapsed:
    """What has to be done for records of the same keys to have been written one after the other.

    Args:
        deletes: one tombstone, the last, of each key that has any; done first.
        upserts: the last record of each key whose last is no tombstone; done next.
    """

    deletes: Rows
    upserts: Rows


def key_numbers(keys: Sequence[pa.Array]) -> Rows:
    """A number for each record; the same for the same key."""
    numbers = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        encoded = _plain(key).dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        # Numbers are made dense again after each column, so that they can not run out.
        _, numbers = np.unique(numbers * (len(encoded.dictionary) + 1) + codes + 1, return_inverse=True)
    return numbers.astype(np.int64)


def collapse(numbers: Rows, tombstones: npt.NDArray[np.bool_], rows: Rows) -> Collapsed:
    """Reduces records to the last of each key.

    Args:
        numbers: from :func:`key_numbers`, for all records.
        tombstones: for all records, whether it is one.
        rows: the records to look at.
    """
    dead = rows[tombstones[rows]]
    last = _last(numbers, rows)
    return Collapsed(_last(numbers, dead), last[~tombstones[last]])


def others_of_their_keys(numbers: Rows, rows: Rows, bad: Rows) -> Rows:
    """Those of ``rows`` that have a key of one of ``bad`` and are not in ``bad`` themselves."""
    return rows[np.isin(numbers[rows], numbers[bad]) & ~np.isin(rows, bad)]


def _last(numbers: Rows, rows: Rows) -> Rows:
    _, first = np.unique(numbers[rows][::-1], return_index=True)
    last: Rows = np.sort(rows[len(rows) - 1 - first])
    return last


def _plain(array: pa.Array) -> pa.Array:
    """In a type that can be told apart by value."""
    if isinstance(array, pa.BaseExtensionType):
        return array.storage
    if isinstance(array, pa.ExtensionArray):
        return array.storage
    if pa.types.is_dictionary(array.type):
        return array.dictionary_decode()
    if pa.types.is_nested(array.type):
        return pa.array([None if value is None else repr(value) for value in array.to_pylist()], pa.string())
    return array
