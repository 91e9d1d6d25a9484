"""PostgreSQL's NUMERIC, digits to base 10,000, as integers and decimals of Arrow.

A value is: number of digits, weight of the first (its power of 10,000), sign, display scale, each an int16; then the
digits, an int16 each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidegate.connectors.postgres_values.cells import Cells, Mask, arrow

_BASE_DIGITS = 4
_BASE = 10**_BASE_DIGITS
_HEADER_ITEMS = 4
_POSITIVE, _NEGATIVE = 0, 0x4000
_INT64_DIGITS = 18
_INTEGER_DIGITS = {pa.int32(): 9, pa.int64(): 18}
_UINT32 = np.uint64(0xFFFFFFFF)

Integers = npt.NDArray[np.int64]


def numeric_array(cells: Cells, type_: pa.DataType) -> tuple[pa.Array, Mask | None]:
    """The values as integers or decimals, exactly.

    Returns:
        the array, and which values it does not hold: NaN, infinities, and those with more digits than the type has.
    """
    scale = type_.scale if pa.types.is_decimal(type_) else 0
    precision = type_.precision if pa.types.is_decimal(type_) else _INTEGER_DIGITS[type_]
    whole_groups, groups = -(-(precision - scale) // _BASE_DIGITS), -(-scale // _BASE_DIGITS)
    present = cells.present
    found = _read(cells, present, whole_groups + groups)
    odd = (found.sign != _POSITIVE) & (found.sign != _NEGATIVE)
    if present is not None:
        odd &= present
    odd |= (found.count > 0) & (
        (found.weight >= whole_groups) | (found.weight - found.count + 1 < -groups) | (found.whole > precision - scale)
    )
    found.count[odd] = 0
    unit = 10 ** (_BASE_DIGITS * groups - scale)
    digits = int(np.max(found.whole, initial=0, where=found.count > 0)) + _BASE_DIGITS * groups
    if digits <= _INT64_DIGITS:
        values, cut = _narrow(found, groups, unit)
        odd |= cut
        return _narrow_array(values, type_, present), odd if odd.any() else None
    limbs, cut = _wide(found, whole_groups, groups, unit, type_.bit_width // 32)
    odd |= cut
    if pa.types.is_integer(type_):
        limbs = limbs.astype(type_.to_pandas_dtype())
    return arrow(type_, limbs, present), odd if odd.any() else None


@dataclass(frozen=True, slots=True)
class _Numerics:
    """Numerics taken apart; a null's number of digits is 0.

    Args:
        count: of digits.
        weight: power of the base of the first digit.
        sign: as on the wire.
        digits: for each value as many as any has of those that fit the type.
    """

    count: Integers
    weight: Integers
    sign: npt.NDArray[np.uint16]
    digits: npt.NDArray[np.int16]

    @property
    def whole(self) -> Integers:
        """How many decimal digits stand before the point."""
        if not self.digits.shape[1]:
            return np.zeros(len(self.count), np.int64)
        first = self.digits[:, 0]
        ones = 1 + (first >= 10).astype(np.int64) + (first >= 100) + (first >= 1000)
        return np.where(self.count > 0, self.weight * _BASE_DIGITS + ones, 0)

    @property
    def negative(self) -> Mask:
        """Which are."""
        negative: Mask = self.sign == _NEGATIVE
        return negative

    def at(self, group: int) -> Integers:
        """The digit of each value for a power of the base."""
        index = self.weight - group
        inside = (index >= 0) & (index < self.count)
        chosen = np.where(inside, index, 0)[:, None]
        digit = np.take_along_axis(self.digits, chosen, axis=1)[:, 0].astype(np.int64)
        digit[~inside] = 0
        return digit


def _read(cells: Cells, present: Mask | None, most: int) -> _Numerics:
    items = _HEADER_ITEMS + most
    block = cells.gather(f"V{2 * items}").view(">i2").reshape(len(cells), items)
    count = block[:, 0].astype(np.int64)
    if present is not None:
        count[~present] = 0
    used = min(most, max(1, int(count.max(initial=0))))
    digits = block[:, _HEADER_ITEMS : _HEADER_ITEMS + used].astype(np.int16)
    return _Numerics(count, block[:, 1].astype(np.int64), block[:, 2].astype(np.uint16), digits)


def _narrow(found: _Numerics, groups: int, unit: int) -> tuple[Integers, Mask]:
    """The values, and which have a fraction of a unit."""
    powers = np.zeros(_INT64_DIGITS, np.int64)
    powers[: _INT64_DIGITS // _BASE_DIGITS + 1] = [_BASE**power for power in range(_INT64_DIGITS // _BASE_DIGITS + 1)]
    power = np.where(found.count > 0, found.weight + groups, 0)
    total = np.zeros(len(power), np.int64)
    for index in range(found.digits.shape[1]):
        inside = index < found.count
        total += np.where(inside, found.digits[:, index], 0) * powers[np.where(inside, power - index, 0)]
    if unit == 1:
        cut = np.zeros(len(total), np.bool_)
    else:
        exact = total // unit
        cut = exact * unit != total
        total = exact
    return np.where(found.negative, -total, total), cut


def _narrow_array(values: Integers, type_: pa.DataType, present: Mask | None) -> pa.Array:
    if pa.types.is_integer(type_):
        return arrow(type_, values.astype(type_.to_pandas_dtype()), present)
    limbs = np.empty((len(values), type_.bit_width // 64), np.int64)
    limbs[:, 0] = values
    limbs[:, 1:] = (values >> 63)[:, None]
    return arrow(type_, limbs, present)


def _wide(
    found: _Numerics, whole_groups: int, groups: int, unit: int, words: int
) -> tuple[npt.NDArray[np.uint64], Mask]:
    """The values as two's complement, limbs of 64 bits, the least first; and which have a fraction of a unit."""
    value: list[npt.NDArray[np.uint64]] = [np.zeros(len(found.count), np.uint64) for _ in range(words)]
    cut = np.zeros(len(found.count), np.bool_)
    for group in range(whole_groups - 1, -groups - 1, -1):
        digit, factor = found.at(group), _BASE
        if group == -groups and unit > 1:
            cut = digit % unit != 0
            digit, factor = digit // unit, _BASE // unit
        carry = digit.astype(np.uint64)
        for index, word in enumerate(value):
            total = word * np.uint64(factor) + carry
            value[index] = total & _UINT32
            carry = total >> np.uint64(32)
    return _limbs(value, found.negative), cut


def _limbs(words: list[npt.NDArray[Any]], negative: Mask) -> npt.NDArray[np.uint64]:
    limbs = np.empty((len(negative), len(words) // 2), np.uint64)
    carry = negative.astype(np.uint64)
    for index in range(len(words) // 2):
        limb = words[2 * index] | (words[2 * index + 1] << np.uint64(32))
        limb = np.where(negative, ~limb, limb) + carry
        limbs[:, index] = limb
        carry = ((limb == 0) & (carry == 1)).astype(np.uint64)
    return limbs
