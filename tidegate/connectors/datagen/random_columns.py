"""Columns of pseudo-random values that are a function of seed, column and sequence number alone."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


def _u64(value: int) -> pa.Scalar:
    return pa.scalar(value & (2**64 - 1), pa.uint64())


def sequence(first: int, count: int) -> pa.Array:
    """The int64 numbers from ``first`` on."""
    return pa.array(range(first, first + count), pa.int64())


def hashes(numbers: pa.Array, seed: int) -> pa.Array:
    """A uint64 a number, by the SplitMix64 generator (Steele, Lea, Flood 2014)."""
    mixed = pc.add(pc.multiply(numbers.cast(pa.uint64()), _u64(0x9E3779B97F4A7C15)), _u64(seed * 0xD1342543DE82EF95))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = pc.multiply(pc.bit_wise_xor(mixed, pc.shift_right(mixed, _u64(shift))), _u64(factor))
    return pc.bit_wise_xor(mixed, pc.shift_right(mixed, _u64(31)))


def below(numbers: pa.Array, seed: int, bound: int) -> pa.Array:
    """int64 values from 0 to ``bound - 1``."""
    random = pc.shift_right(hashes(numbers, seed), _u64(33)).cast(pa.int64())
    return pc.subtract(random, pc.multiply(pc.divide(random, bound), bound))


def choice(numbers: pa.Array, seed: int, values: Sequence[str]) -> pa.Array:
    """One of some texts."""
    return pa.array(values, pa.string()).take(below(numbers, seed, len(values)))


def prefixed(prefix: str, numbers: pa.Array) -> pa.Array:
    """``<prefix><number>`` as text."""
    return pc.binary_join_element_wise(prefix, numbers.cast(pa.string()), "")


def cents(numbers: pa.Array, seed: int, bound: int) -> pa.Array:
    """Amounts from 0.00 up to ``bound`` hundredths, as float64."""
    return pc.divide(below(numbers, seed, bound).cast(pa.float64()), 100.0)
