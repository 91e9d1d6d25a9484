"""Masking, hashing and cutting of text columns, as Debezium's ``column.mask.*`` and ``column.truncate.*``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.cdc.name_patterns import NamePatterns
from tidegate.connectors.cdc.table_id import TableId
from tidegate.errors import ConfigProblem

Mask = Callable[[pa.Array], pa.Array]
"""Takes a string array and gives one; null stays null."""

_STARS = re.compile(r"column\.mask\.with\.(\d+)\.chars")
_CUT = re.compile(r"column\.truncate\.to\.(\d+)\.chars")
_HASH = re.compile(r"column\.mask\.hash\.(v2\.)?(.+)\.with\.salt\.(.+)")
_PREFIXES = ("column.mask.", "column.truncate.")
_SHORT = 0xFFFF


class ColumnMasks:
    """The masks of a configuration.

    Args:
        config: all its keys; those of other kinds are passed over.

    Raises:
        ValueError: a key or a pattern is malformed.
    """

    def __init__(self, config: Mapping[str, str]) -> None:
        self._rules = [(patterns, mask) for _, patterns, mask in _rules(config)]

    def mask(self, table: TableId, column: str) -> Mask | None:
        """The mask of a column; None where it is shown as it is."""
        name = table.column(column)
        return next((mask for patterns, mask in self._rules if patterns.match(name)), None)


def mask_problems(config: Mapping[str, str]) -> list[ConfigProblem]:
    """What is wrong with the keys of masks."""
    problems = []
    for key in config:
        if key.startswith(_PREFIXES):
            try:
                list(_rules({key: config[key]}))
            except ValueError as error:
                problems.append(ConfigProblem(key, str(error)))
    return problems


def _rules(config: Mapping[str, str]) -> Iterator[tuple[str, NamePatterns, Mask]]:
    for key, text in config.items():
        if not key.startswith(_PREFIXES):
            continue
        if stars := _STARS.fullmatch(key):
            mask = _stars(int(stars[1]))
        elif cut := _CUT.fullmatch(key):
            mask = _cut(int(cut[1]))
        elif hashed := _HASH.fullmatch(key):
            mask = _hashed(hashed[2], hashed[3].encode(), by_bytes=bool(hashed[1]))
        else:
            raise ValueError(
                "is not known: use column.mask.with.N.chars, column.truncate.to.N.chars, "
                "column.mask.hash.ALGORITHM.with.salt.SALT or column.mask.hash.v2.ALGORITHM.with.salt.SALT"
            )
        yield key, NamePatterns(text), mask


def _stars(count: int) -> Mask:
    return lambda column: pc.if_else(
        column.is_valid(), pa.scalar("*" * count, column.type), pa.scalar(None, column.type)
    )


def _cut(count: int) -> Mask:
    return lambda column: pc.utf8_slice_codeunits(column, 0, count)


def _hashed(algorithm: str, salt: bytes, *, by_bytes: bool) -> Mask:
    name = algorithm.replace("-", "").lower()
    try:
        hashlib.new(name)
    except ValueError:
        raise ValueError(f"{algorithm!r} is no digest known here: use one such as SHA-256") from None

    def one(value: str | None) -> str | None:
        if value is None:
            return None
        data = value.encode() if by_bytes else _java_serialized(value)
        return hashlib.new(name, salt + data).hexdigest()

    return lambda column: pa.array([one(value) for value in column.to_pylist()], column.type)


def _java_serialized(text: str) -> bytes:
    """A string as Java's object serialization writes it, which is what the first version of the hash is of."""
    # "Modified UTF-8": NUL takes two bytes, and characters beyond the basic plane are two surrogates.
    units = text.encode("utf-16-be", "surrogatepass")
    data = b"".join(
        b"\xc0\x80" if unit == b"\0\0" else unit.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
        for unit in (units[at : at + 2] for at in range(0, len(units), 2))
    )
    if len(data) <= _SHORT:
        return b"\xac\xed\x00\x05\x74" + len(data).to_bytes(2, "big") + data
    return b"\xac\xed\x00\x05\x7c" + len(data).to_bytes(8, "big") + data
