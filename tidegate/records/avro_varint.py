"""Avro's variable-length zig-zag integers, a column at a time.

Numbers are cut into groups of 14 bits; the bytes of a group are looked up in a table. All is done by Arrow kernels.
"""

from __future__ import annotations

from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

_BITS = 14
_GROUP = 1 << _BITS
_EMPTY = 2 * _GROUP
_NULL = _EMPTY + 1
_ZERO = pa.scalar(0, pa.int64())


def encode_long(number: int) -> bytes:
    """One number from -2**63 to 2**63 - 1."""
    rest = number << 1 ^ number >> 63
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def encode_longs(numbers: pa.Array, *, branches: tuple[bytes, bytes] | None = None) -> list[pa.Array]:
    """A column of numbers as binary columns to be joined row by row.

    Args:
        numbers: int64 array.
        branches: what stands for null, and what stands before every other number; without it null gives null.
    """
    sign = pc.if_else(pc.less(numbers, _ZERO), pa.scalar(-1, pa.int64()), _ZERO)
    rest = pc.bit_wise_xor(pc.shift_left(numbers, 1), sign).view(pa.uint64())
    top = pc.max(rest).as_py() or 0
    index = _index(rest, top)
    nulls = numbers.null_count > 0
    if branches is not None and nulls:
        index = index.fill_null(_NULL)
    pieces = [_table(*(branches or (None, b""))).take(index)]
    while top >= _GROUP:
        top >>= _BITS
        rest = pc.shift_right(rest, pa.scalar(_BITS, pa.uint64()))
        index = pc.if_else(pc.equal(rest, pa.scalar(0, pa.uint64())), pa.scalar(_EMPTY, pa.uint64()), _index(rest, top))
        if branches is not None and nulls:
            index = index.fill_null(_EMPTY)
        pieces.append(_table(None, b"").take(index))
    return pieces


def _index(rest: pa.Array, top: int) -> pa.Array:
    if top < _GROUP:
        return rest
    low = pc.bit_wise_and(rest, pa.scalar(_GROUP - 1, pa.uint64()))
    more = pc.if_else(
        pc.greater_equal(rest, pa.scalar(_GROUP, pa.uint64())),
        pa.scalar(_GROUP, pa.uint64()),
        pa.scalar(0, pa.uint64()),
    )
    return pc.add(low, more)


@cache
def _table(null: bytes | None, before: bytes) -> pa.Array:
    """Groups that end a number, groups that go on, nothing, null."""
    last = [_last(group) for group in range(_GROUP)]
    going_on = [bytes((group & 0x7F | 0x80, group >> 7 | 0x80)) for group in range(_GROUP)]
    return pa.array([*(before + group for group in (*last, *going_on)), b"", null], pa.binary())


def _last(group: int) -> bytes:
    return bytes((group,)) if group < 0x80 else bytes((group & 0x7F | 0x80, group >> 7))
