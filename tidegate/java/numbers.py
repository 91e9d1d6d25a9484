"""Numbers as Java writes and reads them.

Sources: the documentation of ``Double.toString``, ``Double.valueOf`` and ``Integer.parseInt`` (Java SE 21).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_INTEGER = re.compile(r"[+-]?\d+")
_FLOAT = re.compile(r"([+-]?)(NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fFdD]?)", re.ASCII)
_HEX_FLOAT = re.compile(r"([+-]?)0[xX]([0-9a-fA-F]*\.?[0-9a-fA-F]*)[pP]([+-]?\d+)[fFdD]?", re.ASCII)
_CONTROL_AND_SPACE = "".join(map(chr, range(0x21)))


def parse_integer(text: str, bits: int) -> int | None:
    """The number that ``Long.parseLong`` and its narrower kin read; None where they refuse the text.

    Args:
        text: digits with an optional sign, nothing around them.
        bits: width of the signed type.
    """
    if not _INTEGER.fullmatch(text) or len(text) > 400:
        return None
    number = int(text)
    return number if -(1 << bits - 1) <= number < 1 << bits - 1 else None


def parse_float(text: str, dtype: type[np.floating[Any]]) -> float | None:
    """The number that ``Double.parseDouble`` or ``Float.parseFloat`` reads; None where they refuse the text.

    Args:
        text: a decimal or hexadecimal number; white space around it is ignored.
        dtype: ``numpy.float64`` or ``numpy.float32``.
    """
    stripped = text.strip(_CONTROL_AND_SPACE)
    matched = _FLOAT.fullmatch(stripped)
    if matched:
        sign, digits = matched.groups()
        if digits in ("NaN", "Infinity"):
            return float(sign + digits)
        return _nearest(sign + digits.rstrip("fFdD"), dtype)
    matched = _HEX_FLOAT.fullmatch(stripped)
    if matched and any(one in matched[2] for one in "0123456789abcdefABCDEF"):
        try:
            number = float.fromhex(f"{matched[1]}0x{matched[2]}p{matched[3]}")
        except OverflowError:
            number = float(f"{matched[1]}inf")
        with np.errstate(over="ignore"):
            return float(dtype(number))
    return None


def _nearest(digits: str, dtype: type[np.floating[Any]]) -> float:
    if dtype is np.float32:
        # By way of a double it would be rounded twice.
        try:
            return float(pc.cast(pa.scalar(digits), pa.float32()).as_py())
        except pa.ArrowInvalid:
            pass
    with np.errstate(over="ignore"):
        return float(dtype(float(digits)))


def float_text(number: float, dtype: type[np.floating[Any]]) -> str:
    """What ``Double.toString`` or ``Float.toString`` gives: the shortest digits that read back as the number.

    Args:
        number: a value of the type.
        dtype: ``numpy.float64`` or ``numpy.float32``.
    """
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    shortest = repr(number) if dtype is np.float64 else str(dtype(number))
    negative, digit_tuple, exponent = Decimal(shortest).as_tuple()
    assert isinstance(exponent, int)
    sign = "-" if negative else ""
    digits = "".join(map(str, digit_tuple)).rstrip("0")
    exponent += len(digit_tuple) - len(digits)
    digits = digits.lstrip("0")
    if not digits:
        return f"{sign}0.0"
    point = len(digits) + exponent
    if -3 < point <= 7:
        if point <= 0:
            return f"{sign}0.{'0' * -point}{digits}"
        return f"{sign}{digits[:point].ljust(point, '0')}.{digits[point:] or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{point - 1}"
