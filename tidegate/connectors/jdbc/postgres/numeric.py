"""PostgreSQL's NUMERIC, digits to base 10,000, as integers and decimals of Arrow.

A value is: number of digits, weight of the first (its power of 10,000), sign, display scale, each an int16; then the
digits, an int16 each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidegate.connectors.jdbc.postgres.cells import Cells, Mask, arrow

_BASE_DIGITS = 4
_BASE = 10**_BASE_DIGITS
_POSITIVE, _NEGATIVE = 0, 0x4000
_HEADER_BYTES = 8
_INT64_DIGITS = 18
_INTEGER_DIGITS = {pa.int32(): 9, pa.int64(): 18}


def numeric_array(cells: Cells, type_: pa.DataType) -> tuple[pa.Array, Mask | None]:
    """The values as integers or decimals, exactly.

    Returns:
        the array, and which values it does not hold: NaN, infinities, and those with more digits than the type has.
    """
    scale = type_.scale if pa.types.is_decimal(type_) else 0
    precision = type_.precision if pa.types.is_decimal(type_) else _INTEGER_DIGITS[type_]
    present = cells.present
    count = cells.gather(">i2").astype(np.int64)
    weight = cells.gather(">i2", 2).astype(np.int64)
    sign = cells.gather(">u2", 4)
    if present is not None:
        count[~present] = 0
    odd = (sign != _POSITIVE) & (sign != _NEGATIVE)
    if present is not None:
        odd &= present
    groups = -(-scale // _BASE_DIGITS)
    first = np.where(count > 0, _digit(cells, np.zeros_like(count), count), 0)
    whole = weight * _BASE_DIGITS + 1 + (first >= 10) + (first >= 100) + (first >= 1000)
    odd |= (count > 0) & ((whole > precision - scale) | (weight - count + 1 < -groups))
    count[odd] = 0
    top = int(np.max(weight, initial=-groups - 1, where=count > 0))
    digits = int(np.max(whole, initial=0, where=count > 0)) + scale
    words = 1 if digits <= _INT64_DIGITS else type_.bit_width // 32
    value = [np.zeros(len(cells), np.int64 if words == 1 else np.uint64) for _ in range(words)]
    for group in range(top, -groups - 1, -1):
        digit = _digit(cells, weight - group, count)
        kept = scale + _BASE_DIGITS * (group + 1)
        if kept < _BASE_DIGITS:
            unit = 10 ** (_BASE_DIGITS - kept)
            odd |= digit % unit != 0
            digit, factor = digit // unit, 10**kept
        else:
            factor = _BASE
        _multiply_add(value, factor, digit)
    negative = sign == _NEGATIVE
    found = None if not odd.any() else odd
    if words == 1:
        number = np.where(negative, -value[0], value[0])
        if pa.types.is_integer(type_):
            return arrow(type_, number.astype(type_.to_pandas_dtype()), present), found
        wide = np.empty((len(cells), type_.bit_width // 64), np.int64)
        wide[:, 0] = number
        wide[:, 1:] = (number >> 63)[:, None]
        return arrow(type_, wide, present), found
    return arrow(type_, _limbs(value, negative), present), found


def _digit(cells: Cells, index: npt.NDArray[np.int64], count: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The digit of each value at an index of its own; 0 outside of what it has."""
    inside = (index >= 0) & (index < count)
    at = cells.start + 2 * np.where(inside, index, 0)
    digits = Cells(cells.data, at, 0).gather(">i2", _HEADER_BYTES).astype(np.int64)
    digits[~inside] = 0
    return digits


def _multiply_add(value: list[npt.NDArray[Any]], factor: int, digit: npt.NDArray[np.int64]) -> None:
    """Multiplies numbers in place, words of 32 bits each, the least first, and adds."""
    if len(value) == 1:
        value[0] *= factor
        value[0] += digit
        return
    carry = digit.astype(np.uint64)
    for index, word in enumerate(value):
        total = word * np.uint64(factor) + carry
        value[index] = total & np.uint64(0xFFFFFFFF)
        carry = total >> np.uint64(32)


def _limbs(words: list[npt.NDArray[Any]], negative: Mask) -> npt.NDArray[np.uint64]:
    """Words of 32 bits as two's complement, limbs of 64 bits, the least first."""
    limbs = np.empty((len(negative), len(words) // 2), np.uint64)
    carry = negative.astype(np.uint64)
    for index in range(len(words) // 2):
        limb = words[2 * index] | (words[2 * index + 1] << np.uint64(32))
        limb = np.where(negative, ~limb, limb) + carry
        limbs[:, index] = limb
        carry = ((limb == 0) & (carry == 1)).astype(np.uint64)
    return limbs
