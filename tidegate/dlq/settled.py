"""Which records of a dead letter queue's partition are settled: replayed or dropped. Pure.

All before one offset, and ranges beyond it: so a group of records can be replayed while others before it wait.
"""

from __future__ import annotations

import base64
import binascii
import bisect
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.errors import FatalError


class Settled:
    """Settled offsets of one partition.

    Args:
        offset: all before it are settled.
        ranges: further ones, as [first, end), in any order.
    """

    def __init__(self, offset: int, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self.offset = offset
        self._ranges: list[tuple[int, int]] = []
        for start, end in ranges:
            self.add(start, end)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None, first: int) -> Settled:
        """What was stored.

        Args:
            stored: by :meth:`to_json`; None if nothing was.
            first: the first offset that the partition still has.

        Raises:
            FatalError: it is not what :meth:`to_json` gives.
        """
        if stored is None:
            return cls(first)
        try:
            offset = int(stored["offset"])
            found = cls(offset, _ranges_of(offset, stored["ranges"]))
        except (KeyError, TypeError, ValueError, binascii.Error, zlib.error) as error:
            raise FatalError(
                f"the state of a dead letter queue is malformed: {error!r}.",
                remedy="It was not written by tidegate dlq: look for who else writes to its topic.",
            ) from None
        found.add(min(first, found.offset), first)
        return found

    def __contains__(self, offset: int) -> bool:
        if offset < self.offset:
            return True
        at = bisect.bisect_right(self._ranges, (offset, 1 << 63)) - 1
        return at >= 0 and self._ranges[at][0] <= offset < self._ranges[at][1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settled) and (self.offset, self._ranges) == (other.offset, other._ranges)

    __hash__ = None  # type: ignore[assignment]

    def copy(self) -> Settled:
        """The same, apart."""
        return Settled(self.offset, self._ranges)

    def add(self, start: int, end: int) -> None:
        """Settles the offsets from ``start`` to before ``end``."""
        if end <= max(start, self.offset):
            return
        ranges = self._ranges
        low = bisect.bisect_left(ranges, (start, -1))
        if low and ranges[low - 1][1] >= start:
            low -= 1
        high = low
        while high < len(ranges) and ranges[high][0] <= end:
            start, end = min(start, ranges[high][0]), max(end, ranges[high][1])
            high += 1
        ranges[low:high] = [(start, end)]
        if ranges[0][0] <= self.offset:
            self.offset = ranges.pop(0)[1]

    def to_json(self) -> dict[str, Any]:
        """A short form to be stored: alternating ones of thousands of records take some bytes."""
        numbers = bytearray()
        before = self.offset
        for start, end in self._ranges:
            _write_varint(numbers, start - before)
            _write_varint(numbers, end - start)
            before = end
        return {"offset": self.offset, "ranges": base64.b64encode(zlib.compress(bytes(numbers), 9)).decode()}


def _ranges_of(offset: int, text: str) -> list[tuple[int, int]]:
    numbers = _varints(zlib.decompress(base64.b64decode(text, validate=True)))
    ranges = []
    for gap, length in zip(numbers[::2], numbers[1::2], strict=True):
        ranges.append((offset + gap, offset + gap + length))
        offset += gap + length
    return ranges


def _write_varint(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _varints(data: bytes) -> list[int]:
    numbers, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
    return numbers
