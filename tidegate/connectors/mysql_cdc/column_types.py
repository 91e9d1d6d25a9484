"""What columns become in Arrow, and the names Debezium's schemas give them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.mysql_cdc.columns import Column
from tidegate.connectors.mysql_cdc.log_values import Values, binary
from tidegate.connectors.mysql_cdc.moments import DAY_MICROS, Moments
from tidegate.connectors.postgres_values.cells import Cells, Mask, arrow
from tidegate.records.envelope import SCHEMA_NAME, SEMANTIC_TYPE
from tidegate.sdk.config_def import Config

_DATA, _TIME = "io.debezium.data", "io.debezium.time"
_GEOMETRY = pa.struct([pa.field("wkb", pa.binary(), nullable=False), pa.field("srid", pa.int32())])
_POINT = pa.struct(
    [
        pa.field("x", pa.float64(), nullable=False),
        pa.field("y", pa.float64(), nullable=False),
        pa.field("wkb", pa.binary()),
        pa.field("srid", pa.int32()),
    ]
)
_GEOMETRIES = frozenset(
    {
        "geometry",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
    }
)
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"})
_MAX_DECIMAL128 = 38

Finish = Callable[[Values, bool], pa.Array]
TextReader = Callable[[Cells], Values]


@dataclass(frozen=True, slots=True)
class Modes:
    """How types with several forms are given.

    Args:
        decimals: ``decimal.handling.mode``.
        times: ``time.precision.mode``.
        binaries: ``binary.handling.mode``.
        unsigned: ``bigint.unsigned.handling.mode``.
    """

    decimals: str = "precise"
    times: str = "adaptive_time_microseconds"
    binaries: str = "bytes"
    unsigned: str = "long"

    @classmethod
    def from_config(cls, config: Config) -> Modes:
        """The modes of a configuration."""
        return cls(
            config["decimal.handling.mode"],
            config["time.precision.mode"],
            config["binary.handling.mode"],
            config["bigint.unsigned.handling.mode"],
        )


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column's type in Arrow.

    Args:
        type: it.
        finish: makes it of values from the log or from text, given whether nulls may be among them.
        read_text: reads values from the text that queries give.
        metadata: of the field.
    """

    type: pa.DataType
    finish: Finish
    read_text: TextReader
    metadata: Mapping[bytes, bytes] | None = None

    def field(self, name: str, *, nullable: bool) -> pa.Field:
        """The field of a column of this type."""
        return pa.field(name, self.type, nullable=nullable, metadata=dict(self.metadata) if self.metadata else None)


def column_type(column: Column, modes: Modes) -> ColumnType:
    """The type of a column.

    Args:
        column: it.
        modes: how types with several forms are given.
    """
    kind = column.type
    match kind:
        case "tinyint":
            return _integer(pa.int16())
        case "smallint":
            return _integer(pa.int32() if column.unsigned else pa.int16())
        case "mediumint":
            return _integer(pa.int32())
        case "int":
            return _integer(pa.int64() if column.unsigned else pa.int32())
        case "bigint":
            return _bigint(column, modes)
        case "year":
            return _integer(pa.int32(), f"{_TIME}.Year")
        case "float":
            return _plain(pa.float32(), lambda cells: _text(cells).cast(pa.float64()))
        case "double":
            return _plain(pa.float64(), lambda cells: _text(cells).cast(pa.float64()))
        case "decimal":
            return _decimal(column, modes)
        case "bit":
            return _bit(column)
        case "date":
            return _date(modes)
        case "time":
            return _time_of_day(column, modes)
        case "datetime":
            return _datetime(column, modes)
        case "timestamp":
            return _timestamp(column)
        case "enum":
            return _named(pa.string(), f"{_DATA}.Enum")
        case "set":
            return _named(pa.string(), f"{_DATA}.EnumSet")
        case "json":
            return _named(pa.string(), f"{_DATA}.Json")
        case "uuid":
            return _named(pa.string(), f"{_DATA}.Uuid")
        case "point":
            return _struct(_POINT, "Point", _points)
    if kind in _GEOMETRIES:
        return _struct(_GEOMETRY, "Geometry", _geometries)
    if kind in _BYTES:
        return _binary(modes)
    return _plain(pa.string(), _text)


def selected(column: Column, name: str) -> str:
    """A column in a query, so that no digits of it are lost in its text.

    Args:
        column: it.
        name: it, quoted.
    """
    # The text of a float has six digits only. MySQL before 8.0.17 has no cast to double.
    return f"({name} + 0e0)" if column.type == "float" else name


def zero(kind: pa.DataType) -> Any:
    """What stands where a required column's value is not known: 0, an empty text and so on."""
    types = pa.types
    if types.is_boolean(kind):
        return False
    if types.is_string(kind):
        return ""
    if types.is_binary(kind):
        return b""
    if types.is_struct(kind):
        return {field.name: zero(field.type) for field in kind}
    return 0


def placeholder(kind: pa.DataType, text: str) -> Any:
    """What stands for a value of a type that was not told, or None where the type has no room for it."""
    if pa.types.is_string(kind):
        return text
    return text.encode() if pa.types.is_binary(kind) else None


def _text(cells: Cells) -> pa.Array:
    return binary(cells).cast(pa.string())


def _cast(kind: pa.DataType) -> Finish:
    def finish(values: Values, nullable: bool) -> pa.Array:
        assert isinstance(values, pa.Array)
        return values if values.type == kind else values.cast(kind, safe=kind != pa.float32())

    return finish


def _plain(kind: pa.DataType, read: TextReader, name: str | None = None) -> ColumnType:
    return ColumnType(kind, _cast(kind), read, {SEMANTIC_TYPE: name.encode()} if name else None)


def _named(kind: pa.DataType, name: str) -> ColumnType:
    return _plain(kind, _text, name)


def _integer(kind: pa.DataType, name: str | None = None) -> ColumnType:
    return _plain(kind, lambda cells: _text(cells).cast(pa.int64()), name)


def _bigint(column: Column, modes: Modes) -> ColumnType:
    if not column.unsigned:
        return _integer(pa.int64())
    if modes.unsigned == "precise":
        kind = pa.decimal128(20, 0)
        return _plain(kind, lambda cells: _text(cells).cast(kind))

    def wrapped(values: Values, nullable: bool) -> pa.Array:
        assert isinstance(values, pa.Array)
        return values.view(pa.int64())

    return ColumnType(pa.int64(), wrapped, lambda cells: _text(cells).cast(pa.uint64()))


def _decimal(column: Column, modes: Modes) -> ColumnType:
    if modes.decimals == "double":
        return _plain(pa.float64(), _text)
    if modes.decimals == "string":
        return _plain(pa.string(), _text)
    precision, scale = column.length or 10, column.scale or 0
    make = pa.decimal128 if precision <= _MAX_DECIMAL128 else pa.decimal256
    return _plain(make(precision, scale), _text)


def _bit(column: Column) -> ColumnType:
    if (column.length or 1) == 1:

        def one(values: Values, nullable: bool) -> pa.Array:
            assert isinstance(values, pa.Array)
            return pc.not_equal(values, pa.scalar(b"\0", pa.binary()))

        return ColumnType(pa.bool_(), one, binary)

    def turned(values: Values, nullable: bool) -> pa.Array:
        assert isinstance(values, pa.Array)
        return pa.array([None if value is None else value[::-1] for value in values.to_pylist()], pa.binary())

    return ColumnType(pa.binary(), turned, binary, {SEMANTIC_TYPE: f"{_DATA}.Bits".encode()})


def _of_moments(kind: pa.DataType, units: int, dtype: str, name: str | None, read: TextReader) -> ColumnType:
    """Numbers of so many microseconds each."""

    def finish(values: Values, nullable: bool) -> pa.Array:
        assert isinstance(values, Moments)
        micros, present = _existing(values, nullable)
        plain = arrow(pa.from_numpy_dtype(np.dtype(dtype)), (micros // units).astype(dtype), present)
        return plain if plain.type == kind else plain.view(kind)

    return ColumnType(kind, finish, read, {SEMANTIC_TYPE: name.encode()} if name else None)


def _existing(values: Moments, nullable: bool) -> tuple[np.ndarray, Mask | None]:
    """Dates that do not exist are null, or 1970 where nulls may not be."""
    micros, present = values.micros, values.present
    if values.none is None:
        return micros, present
    micros = np.where(values.none, 0, micros)
    if not nullable:
        return micros, present
    return micros, ~values.none if present is None else present & ~values.none


def _moments(cells: Cells) -> Moments:
    return Moments.of_text(_text(cells))


def _times(cells: Cells) -> Moments:
    return Moments.of_time_text(_text(cells))


def _date(modes: Modes) -> ColumnType:
    if modes.times == "isostring":
        return _iso(f"{_TIME}.IsoDate", 0, date_only=True)
    name = None if modes.times == "connect" else f"{_TIME}.Date"
    return _of_moments(pa.date32(), DAY_MICROS, "i4", name, _moments)


def _time_of_day(column: Column, modes: Modes) -> ColumnType:
    if modes.times == "isostring":
        return ColumnType(
            pa.string(), _iso_times(column.length or 0), _times, {SEMANTIC_TYPE: f"{_TIME}.IsoTime".encode()}
        )
    if modes.times == "connect":
        return _of_moments(pa.time32("ms"), 1000, "i4", None, _times)
    # Times go from -838 hours to 838, which is no time of a day: a number, as Debezium has it.
    return _of_moments(pa.int64(), 1, "i8", f"{_TIME}.MicroTime", _times)


def _iso_times(decimals: int) -> Finish:
    def text(micros: int) -> str:
        seconds, fraction = divmod(abs(micros), 1_000_000)
        digits = f".{fraction:06d}"[: decimals + 1] if decimals else ""
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        return f"{'-' if micros < 0 else ''}{clock}{digits}Z"

    def finish(values: Values, nullable: bool) -> pa.Array:
        assert isinstance(values, Moments)
        found = [text(one) for one in values.micros.tolist()]
        return pa.array(found, pa.string(), mask=None if values.present is None else ~values.present)

    return finish


def _datetime(column: Column, modes: Modes) -> ColumnType:
    if modes.times == "isostring":
        return _iso(f"{_TIME}.IsoTimestamp", column.length or 0)
    if modes.times == "connect":
        return _of_moments(pa.timestamp("ms"), 1000, "i8", None, _moments)
    if modes.times != "microseconds" and (column.length or 0) <= 3:
        return _of_moments(pa.timestamp("ms"), 1000, "i8", f"{_TIME}.Timestamp", _moments)
    return _of_moments(pa.timestamp("us"), 1, "i8", f"{_TIME}.MicroTimestamp", _moments)


def _timestamp(column: Column) -> ColumnType:
    return _iso(f"{_TIME}.ZonedTimestamp", column.length or 0)


def _iso(name: str, decimals: int, *, date_only: bool = False) -> ColumnType:
    """ISO 8601 in UTC with as many decimals of a second as the column has."""
    unit = "s" if decimals == 0 else "us"

    def finish(values: Values, nullable: bool) -> pa.Array:
        assert isinstance(values, Moments)
        micros, present = _existing(values, nullable)
        moments = arrow(pa.timestamp("us"), micros, present)
        if date_only:
            return pc.binary_join_element_wise(pc.strftime(moments, "%Y-%m-%d"), "Z", "")
        text = pc.strftime(moments.cast(pa.timestamp(unit), safe=False), "%Y-%m-%dT%H:%M:%S")
        if decimals:
            text = pc.utf8_slice_codeunits(text, 0, 20 + decimals)
        return pc.binary_join_element_wise(text, "Z", "")

    return ColumnType(pa.string(), finish, _moments, {SEMANTIC_TYPE: name.encode()})


def _binary(modes: Modes) -> ColumnType:
    forms: dict[str, Callable[[bytes], str]] = {
        "base64": lambda value: base64.b64encode(value).decode(),
        "base64-url-safe": lambda value: base64.urlsafe_b64encode(value).decode(),
        "hex": bytes.hex,
    }
    form = forms.get(modes.binaries)
    if form is None:
        return _plain(pa.binary(), binary)

    def finish(values: Values, nullable: bool) -> pa.Array:
        assert isinstance(values, pa.Array)
        return pa.array([None if value is None else form(value) for value in values.to_pylist()], pa.string())

    return ColumnType(pa.string(), finish, binary)


def _struct(kind: pa.StructType, name: str, one: Callable[[bytes], dict[str, Any]]) -> ColumnType:
    def finish(values: Values, nullable: bool) -> pa.Array:
        assert isinstance(values, pa.Array)
        return pa.array([None if value is None else one(value) for value in values.to_pylist()], kind)

    return ColumnType(kind, finish, binary, {SCHEMA_NAME: f"{_DATA}.geometry.{name}".encode()})


def _srid(value: bytes) -> int | None:
    return int.from_bytes(value[:4], "little") or None


def _geometries(value: bytes) -> dict[str, Any]:
    return {"wkb": value[4:], "srid": _srid(value)}


def _points(value: bytes) -> dict[str, Any]:
    x, y = np.frombuffer(value[9:25], "<f8")
    return {"x": float(x), "y": float(y), "wkb": value[4:], "srid": _srid(value)}
