"""What the log says of a table before its rows: types, lengths, and with ``binlog_row_metadata=FULL`` names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.mysql_cdc.events import length_encoded

TINY, SHORT, LONG, FLOAT, DOUBLE, TIMESTAMP, LONGLONG, INT24, DATE, TIME, DATETIME, YEAR, NEWDATE = (
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    14,
)
VARCHAR, BIT, TIMESTAMP2, DATETIME2, TIME2, BLOB_COMPRESSED, VARCHAR_COMPRESSED = 15, 16, 17, 18, 19, 140, 141
VECTOR, JSON, NEWDECIMAL, ENUM, SET = 242, 245, 246, 247, 248
TINY_BLOB, MEDIUM_BLOB, LONG_BLOB, BLOB, VAR_STRING, STRING, GEOMETRY = 249, 250, 251, 252, 253, 254, 255

_SEQUENCE = [LONGLONG] * 6 + [TINY, LONGLONG]
_META_BYTES = {
    **dict.fromkeys(
        (FLOAT, DOUBLE, BLOB, TINY_BLOB, MEDIUM_BLOB, LONG_BLOB, BLOB_COMPRESSED, JSON, GEOMETRY, VECTOR), 1
    ),
    **dict.fromkeys((TIMESTAMP2, DATETIME2, TIME2), 1),
    **dict.fromkeys((VARCHAR, VARCHAR_COMPRESSED, NEWDECIMAL, ENUM, SET, VAR_STRING, STRING, BIT), 2),
}
_BIG_ENDIAN_META = frozenset({NEWDECIMAL, ENUM, SET, VAR_STRING, STRING})
_NUMERIC = frozenset({TINY, SHORT, INT24, LONG, LONGLONG, NEWDECIMAL, FLOAT, DOUBLE})
_BLOBS = frozenset({BLOB, TINY_BLOB, MEDIUM_BLOB, LONG_BLOB, BLOB_COMPRESSED})
_CHARACTER = frozenset({VARCHAR, VARCHAR_COMPRESSED, VAR_STRING, STRING, *_BLOBS})
# Geometries are blobs to some servers.
_CHARACTER_AND_GEOMETRY = _CHARACTER | {GEOMETRY}


@dataclass(frozen=True, slots=True)
class MapColumn:
    """A column as the log describes it.

    Args:
        type: code of its type; of an enum or set, that.
        meta: what the type's length is.
        nullable: whether it may be null.
        unsigned: whether it is; None where that is not told.
        name: its name; None where that is not told.
        collation: number of its collation; None where that is not told.
        values: of an enum or set, as bytes; none where they are not told.
    """

    type: int
    meta: int
    nullable: bool
    unsigned: bool | None = None
    name: str | None = None
    collation: int | None = None
    values: tuple[bytes, ...] = ()

    @property
    def fixed(self) -> int | None:
        """Bytes of a value; None where each tells its own length."""
        match self.type:
            case 1 | 13:
                return 1
            case 2:
                return 2
            case 9 | 10 | 14 | 11:
                return 3
            case 3 | 7:
                return 4
            case 8 | 12:
                return 8
            case 4 | 5:
                return self.meta
            case 17:
                return 4 + (self.meta + 1) // 2
            case 18:
                return 5 + (self.meta + 1) // 2
            case 19:
                return 3 + (self.meta + 1) // 2
            case 246:
                return decimal_bytes(self.meta >> 8, self.meta & 0xFF)
            case 247 | 248:
                return self.meta & 0xFF
            case 16:
                return (self.meta >> 8) + ((self.meta & 0xFF) > 0)
        return None

    @property
    def prefix(self) -> int:
        """Bytes of the length before a value of variable length."""
        if self.type in (VARCHAR, VARCHAR_COMPRESSED, VAR_STRING, STRING):
            return 2 if self.meta > 0xFF else 1
        return self.meta


@dataclass(frozen=True, slots=True)
class TableMap:
    """A table as the log describes it.

    Args:
        table: its name.
        columns: its columns.
        primary_key: places of the primary key's columns; none where that is not told.
    """

    table: TableId
    columns: Sequence[MapColumn]
    primary_key: Sequence[int] = field(default=())

    @property
    def is_sequence(self) -> bool:
        """Whether it may be a sequence of MariaDB, which the log shows as a table of one row."""
        return [column.type for column in self.columns] == _SEQUENCE

    @property
    def names(self) -> list[str] | None:
        """Names of the columns, where they are told."""
        names = [column.name for column in self.columns if column.name is not None]
        return names if len(names) == len(self.columns) else None


_DIGIT_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)


def decimal_bytes(precision: int, scale: int) -> int:
    """Bytes of a decimal: nine digits take four."""
    whole = precision - scale
    return whole // 9 * 4 + _DIGIT_BYTES[whole % 9] + scale // 9 * 4 + _DIGIT_BYTES[scale % 9]


def parse_table_map(body: bytes, *, mariadb: bool = False) -> TableMap:
    """Reads a TABLE_MAP event.

    Args:
        body: of the event, without header and checksum.
        mariadb: whether MariaDB wrote it, which counts years among the numbers that have a sign.

    Raises:
        ValueError: it is none.
    """
    at = 8
    schema, at = _name(body, at)
    table, at = _name(body, at)
    count, at = length_encoded(body, at)
    types = list(body[at : at + count])
    at += count
    size, at = length_encoded(body, at)
    metas = _metas(types, body[at : at + size])
    at += size
    nullable = _bits(body[at : at + (count + 7) // 8], count, most_significant_first=False)
    at += (count + 7) // 8
    types, metas = _real_types(types, metas)
    told = _Told.of(body[at:], types, _NUMERIC | {YEAR} if mariadb else _NUMERIC)
    columns = [
        MapColumn(
            types[index],
            metas[index],
            nullable[index],
            told.unsigned.get(index),
            told.names.get(index),
            told.collations.get(index),
            told.values.get(index, ()),
        )
        for index in range(count)
    ]
    return TableMap(TableId(schema, table), columns, told.primary_key)


def _name(body: bytes, at: int) -> tuple[str, int]:
    size = body[at]
    return body[at + 1 : at + 1 + size].decode(), at + size + 2


def _metas(types: Sequence[int], block: bytes) -> list[int]:
    metas, at = [], 0
    for kind in types:
        size = _META_BYTES.get(kind, 0)
        metas.append(int.from_bytes(block[at : at + size], "big" if kind in _BIG_ENDIAN_META else "little"))
        at += size
    return metas


def _real_types(types: Sequence[int], metas: Sequence[int]) -> tuple[list[int], list[int]]:
    """Fixed strings, enums and sets share one code; the length's first byte tells them apart."""
    real, lengths = [], []
    for kind, meta in zip(types, metas, strict=True):
        first, length = meta >> 8, meta & 0xFF
        if kind == STRING:
            if first & 0x30 != 0x30:
                length |= ((first & 0x30) ^ 0x30) << 4
                first |= 0x30
            kind, meta = first, length
        real.append(kind)
        lengths.append(meta)
    return real, lengths


def _bits(data: bytes, count: int, *, most_significant_first: bool) -> list[bool]:
    if most_significant_first:
        return [bool(data[index // 8] & (0x80 >> index % 8)) for index in range(count)]
    return [bool(data[index // 8] & (1 << index % 8)) for index in range(count)]


@dataclass(slots=True)
class _Told:
    """The optional part."""

    unsigned: dict[int, bool] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    collations: dict[int, int] = field(default_factory=dict)
    values: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    primary_key: tuple[int, ...] = ()

    @classmethod
    def of(cls, data: bytes, types: Sequence[int], numeric: frozenset[int]) -> _Told:
        told, at = cls(), 0
        while at < len(data):
            kind = data[at]
            size, at = length_encoded(data, at + 1)
            told._take(kind, data[at : at + size], types, numeric)
            at += size
        return told

    def _take(self, kind: int, data: bytes, types: Sequence[int], numeric: frozenset[int]) -> None:
        match kind:
            case 1:
                signed = [index for index, one in enumerate(types) if one in numeric]
                bits = _bits(data, len(data) * 8, most_significant_first=True)
                self.unsigned = dict(zip(signed, bits, strict=False))
            case 2:
                numbers = _numbers(data)
                every = [index for index, one in enumerate(types) if one in _CHARACTER_AND_GEOMETRY]
                self.collations |= dict.fromkeys(every, numbers[0])
                self.collations |= {every[a]: b for a, b in zip(numbers[1::2], numbers[2::2], strict=True)}
            case 3:
                numbers = _numbers(data)
                for counted in (_CHARACTER_AND_GEOMETRY, _CHARACTER):
                    every = [index for index, one in enumerate(types) if one in counted]
                    if len(every) == len(numbers):
                        self.collations |= dict(zip(every, numbers, strict=True))
                        break
            case 4:
                self.names = {index: name.decode() for index, name in enumerate(_strings(data))}
            case 5 | 6:
                of_kind = [index for index, one in enumerate(types) if one == (SET if kind == 5 else ENUM)]
                at = 0
                for index in of_kind:
                    count, at = length_encoded(data, at)
                    found = []
                    for _ in range(count):
                        size, at = length_encoded(data, at)
                        found.append(data[at : at + size])
                        at += size
                    self.values[index] = tuple(found)
            case 8:
                self.primary_key = tuple(_numbers(data))
            case 9:
                self.primary_key = tuple(_numbers(data)[::2])
            case 10:
                numbers = _numbers(data)
                every = [index for index, one in enumerate(types) if one in (ENUM, SET)]
                self.collations |= dict.fromkeys(every, numbers[0])
                self.collations |= {every[a]: b for a, b in zip(numbers[1::2], numbers[2::2], strict=True)}
            case 11:
                every = [index for index, one in enumerate(types) if one in (ENUM, SET)]
                self.collations |= dict(zip(every, _numbers(data), strict=True))


def _numbers(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        number, at = length_encoded(data, at)
        found.append(number)
    return found


def _strings(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        size, at = length_encoded(data, at)
        found.append(data[at : at + size])
        at += size
    return found
