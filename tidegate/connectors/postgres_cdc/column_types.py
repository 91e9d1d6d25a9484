"""PostgreSQL's types as Arrow's, as Debezium's connector maps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tidegate.connectors.postgres_cdc import text_values as read
from tidegate.connectors.postgres_cdc.text_values import Reader
from tidegate.records.envelope import SCHEMA_NAME, SEMANTIC_TYPE
from tidegate.sdk.config_def import Config

_DATA, _TIME = "io.debezium.data", "io.debezium.time"
_VARIABLE_SCALE = pa.struct(
    [pa.field("scale", pa.int32(), nullable=False), pa.field("value", pa.binary(), nullable=False)]
)
_MAX_DECIMAL128, _MAX_DECIMAL256 = 38, 76
_MICROS_DIGITS = 6
MODIFIER_HEADER = 4
"""What a modifier adds to the length or the digits it stands for."""


@dataclass(frozen=True, slots=True)
class PgType:
    """A type as the catalogue has it.

    Args:
        oid: PostgreSQL's number of it.
        name: its name.
        kind: ``b`` base, ``e`` enum, ``d`` domain, ``c`` composite, ``r`` range, ``m`` multirange.
        base: of a domain, the type it is of.
        base_modifier: of a domain, its type's modifier.
        element: of an array, its elements' type.
    """

    oid: int
    name: str
    kind: str = "b"
    base: PgType | None = None
    base_modifier: int = -1
    element: PgType | None = None

    @property
    def plain(self) -> PgType:
        """Of a domain the type below all domains, of another type itself."""
        return self if self.base is None else self.base.plain


@dataclass(frozen=True, slots=True)
class Modes:
    """How types with several forms are given.

    Args:
        decimals: ``decimal.handling.mode``.
        times: ``time.precision.mode``.
        intervals: ``interval.handling.mode``.
        hstores: ``hstore.handling.mode``.
        binaries: ``binary.handling.mode``.
        money_digits: ``money.fraction.digits``.
    """

    decimals: str = "precise"
    times: str = "adaptive"
    intervals: str = "numeric"
    hstores: str = "json"
    binaries: str = "bytes"
    money_digits: int = 2

    @classmethod
    def from_config(cls, config: Config) -> Modes:
        """The modes of a configuration."""
        return cls(
            config["decimal.handling.mode"],
            config["time.precision.mode"],
            config["interval.handling.mode"],
            config["hstore.handling.mode"],
            config["binary.handling.mode"],
            config["money.fraction.digits"],
        )


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column's type in Arrow.

    Args:
        type: it.
        read: makes it of PostgreSQL's text.
        metadata: of the field.
    """

    type: pa.DataType
    read: Reader
    metadata: Mapping[bytes, bytes] | None = None

    def field(self, name: str, *, nullable: bool) -> pa.Field:
        """The field of a column of this type."""
        return pa.field(name, self.type, nullable=nullable, metadata=dict(self.metadata) if self.metadata else None)

    def default(self, text: str) -> pa.Array | None:
        """An array of one value, a column's default; None where the type can not hold it.

        Args:
            text: the default as the stream would tell it.
        """
        try:
            return self.read(pa.array([text], pa.string()))
        except (ValueError, ArithmeticError):
            return None


def column_type(pg: PgType, modifier: int, modes: Modes) -> ColumnType:
    """The type of a column; what has no better one is PostgreSQL's text.

    Args:
        pg: its type in PostgreSQL.
        modifier: of the type; -1 for none.
        modes: how types with several forms are given.
    """
    if pg.kind == "d" and pg.base is not None:
        return column_type(pg.base, pg.base_modifier, modes)
    if pg.element is not None:
        element = column_type(pg.element, modifier, modes)
        kind = pa.list_(element.field("item", nullable=True))
        return ColumnType(kind, read.array(element.read, kind))
    if pg.kind == "e":
        return _text(f"{_DATA}.Enum")
    plain = _PLAIN.get(pg.name)
    if plain is not None:
        return plain
    special = _SPECIAL.get(pg.name)
    return special(modifier, modes) if special is not None else _text()


def zero(kind: pa.DataType) -> Any:
    """What Debezium puts where a required column's value is not known: 0, an empty text and so on."""
    types = pa.types
    if types.is_boolean(kind):
        return False
    if types.is_string(kind):
        return ""
    if types.is_binary(kind):
        return b""
    if types.is_list(kind) or types.is_map(kind):
        return []
    if types.is_struct(kind):
        return {field.name: zero(field.type) for field in kind}
    return 0


def placeholder(kind: pa.DataType, text: str) -> Any:
    """What stands for a value of a type that was not told, or None where the type has no room for it.

    Args:
        kind: the type.
        text: ``unavailable.value.placeholder``.
    """
    types = pa.types
    if types.is_string(kind):
        return text
    if types.is_binary(kind):
        return text.encode()
    if types.is_map(kind):
        return [(text, text)]
    if types.is_list(kind):
        inner = kind.value_type
        if types.is_integer(inner) or types.is_floating(inner):
            return [ord(letter) for letter in text]
        one = placeholder(inner, text)
        return None if one is None else [one]
    return None


def _named(kind: pa.DataType, reader: Reader, name: str | None) -> ColumnType:
    return ColumnType(kind, reader, {SEMANTIC_TYPE: name.encode()} if name else None)


def _text(name: str | None = None) -> ColumnType:
    return _named(pa.string(), read.same, name)


def _numeric(modifier: int, modes: Modes) -> ColumnType:
    if modes.decimals == "double":
        return _named(pa.float64(), read.cast(pa.float64()), None)
    if modes.decimals == "string":
        return _text()
    if modifier >= MODIFIER_HEADER:
        precision = (modifier - MODIFIER_HEADER) >> 16 & 0xFFFF
        scale = ((modifier - MODIFIER_HEADER) & 0x7FF ^ 0x400) - 0x400
        # A negative scale rounds before the point, one above the precision leaves digits after it out.
        digits, after = max(precision - min(scale, 0), scale), max(scale, 0)
        if digits <= _MAX_DECIMAL256:
            kind = pa.decimal128(digits, after) if digits <= _MAX_DECIMAL128 else pa.decimal256(digits, after)
            return ColumnType(kind, read.decimals(kind))
    name = {SCHEMA_NAME: f"{_DATA}.VariableScaleDecimal".encode()}
    return ColumnType(_VARIABLE_SCALE, read.variable_decimal(_VARIABLE_SCALE), name)


def _money(modifier: int, modes: Modes) -> ColumnType:
    kind = pa.decimal128(19, modes.money_digits)
    amount = read.money(kind)
    match modes.decimals:
        case "double":
            return ColumnType(pa.float64(), lambda text: amount(text).cast(pa.float64()))
        case "string":
            return ColumnType(pa.string(), lambda text: amount(text).cast(pa.string()))
    return ColumnType(kind, amount)


def _date(modifier: int, modes: Modes) -> ColumnType:
    if modes.times == "isostring":
        return _named(pa.string(), read.suffixed("Z"), f"{_TIME}.IsoDate")
    return _named(pa.date32(), read.date, None if modes.times == "connect" else f"{_TIME}.Date")


def _digits(modifier: int) -> int:
    return _MICROS_DIGITS if modifier < 0 else modifier


def _time(modifier: int, modes: Modes) -> ColumnType:
    if modes.times == "isostring":
        return _named(pa.string(), read.suffixed("Z"), f"{_TIME}.IsoTime")
    if modes.times == "connect":
        return _named(pa.time32("ms"), read.time(pa.time32("ms")), None)
    # Numbers, for 24:00:00 is no time of day of Arrow's or of Avro's.
    if modes.times == "adaptive" and _digits(modifier) <= 3:
        return _named(pa.int32(), read.time(pa.int32()), f"{_TIME}.Time")
    return _named(pa.int64(), read.time(pa.int64()), f"{_TIME}.MicroTime")


def _timestamp(modifier: int, modes: Modes) -> ColumnType:
    if modes.times == "isostring":
        return _named(pa.string(), read.suffixed("Z", separator="T"), f"{_TIME}.IsoTimestamp")
    if modes.times == "connect":
        return _named(pa.timestamp("ms"), read.timestamp(pa.timestamp("ms")), None)
    if modes.times != "microseconds" and _digits(modifier) <= 3:
        return _named(pa.timestamp("ms"), read.timestamp(pa.timestamp("ms")), f"{_TIME}.Timestamp")
    return _named(pa.timestamp("us"), read.timestamp(pa.timestamp("us")), f"{_TIME}.MicroTimestamp")


def _timestamptz(modifier: int, modes: Modes) -> ColumnType:
    return _named(pa.string(), read.zoned_timestamp(_digits(modifier)), f"{_TIME}.ZonedTimestamp")


def _timetz(modifier: int, modes: Modes) -> ColumnType:
    return _named(pa.string(), read.each(read.zoned_time, pa.string()), f"{_TIME}.ZonedTime")


def _interval(modifier: int, modes: Modes) -> ColumnType:
    if modes.intervals == "string":
        return _named(pa.string(), read.each(read.interval_text, pa.string()), f"{_TIME}.Interval")
    return _named(pa.int64(), read.each(read.interval_micros, pa.int64()), f"{_TIME}.MicroDuration")


def _bytea(modifier: int, modes: Modes) -> ColumnType:
    match modes.binaries:
        case "base64":
            return ColumnType(pa.string(), read.each(read.base64_text, pa.string()))
        case "base64-url-safe":
            return ColumnType(pa.string(), read.each(read.base64_url_text, pa.string()))
        case "hex":
            return ColumnType(pa.string(), read.each(read.hexadecimal, pa.string()))
    return ColumnType(pa.binary(), read.each(read.binary, pa.binary()))


def _bit(modifier: int, modes: Modes) -> ColumnType:
    if modifier in (-1, 1):
        return ColumnType(pa.bool_(), read.bit)
    return _named(pa.binary(), read.each(read.bits, pa.binary()), f"{_DATA}.Bits")


def _varbit(modifier: int, modes: Modes) -> ColumnType:
    return _named(pa.binary(), read.each(read.bits, pa.binary()), f"{_DATA}.Bits")


def _hstore(modifier: int, modes: Modes) -> ColumnType:
    if modes.hstores == "map":
        kind = pa.map_(pa.string(), pa.string())
        return ColumnType(kind, read.each(lambda value: list(read.hstore_map(value).items()), kind))
    return _named(pa.string(), read.each(read.hstore_json, pa.string()), f"{_DATA}.Json")


_PLAIN: Mapping[str, ColumnType] = {
    "bool": ColumnType(pa.bool_(), read.boolean),
    "int2": ColumnType(pa.int16(), read.cast(pa.int16())),
    "int4": ColumnType(pa.int32(), read.cast(pa.int32())),
    "int8": ColumnType(pa.int64(), read.cast(pa.int64())),
    "oid": ColumnType(pa.int64(), read.cast(pa.int64())),
    "float4": ColumnType(pa.float32(), read.cast(pa.float32())),
    "float8": ColumnType(pa.float64(), read.cast(pa.float64())),
    "json": _text(f"{_DATA}.Json"),
    "jsonb": _text(f"{_DATA}.Json"),
    "uuid": _text(f"{_DATA}.Uuid"),
    "xml": _text(f"{_DATA}.Xml"),
    "ltree": _text(f"{_DATA}.Ltree"),
    "tsvector": _text(f"{_DATA}.Tsvector"),
}
_SPECIAL: Mapping[str, Callable[[int, Modes], ColumnType]] = {
    "numeric": _numeric,
    "money": _money,
    "date": _date,
    "time": _time,
    "timetz": _timetz,
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
    "interval": _interval,
    "bytea": _bytea,
    "bit": _bit,
    "varbit": _varbit,
    "hstore": _hstore,
}
