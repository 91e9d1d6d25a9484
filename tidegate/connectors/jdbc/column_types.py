"""SQL column types to Arrow types, and the driver's values to those types."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import types as sql
from sqlalchemy.types import TypeEngine

NumericMapping = str
"""``none``, ``precision_only``, ``best_fit`` or ``best_fit_eager_double``: see key ``numeric.mapping``."""


@dataclass(frozen=True, slots=True)
class TypeMapping:
    """What becomes of types that have several equals in Arrow.

    Args:
        numeric: what becomes of NUMERIC.
        tinyint_is_boolean: whether MySQL's TINYINT(1) is a boolean; else it is a number.
    """

    numeric: NumericMapping = "none"
    tinyint_is_boolean: bool = True


_PLAIN = TypeMapping()
_TO_DOUBLE = ("best_fit", "best_fit_eager_double")
_UNSIGNED_BIGINT = pa.decimal128(20, 0)


def arrow_type(type_: TypeEngine[Any], mapping: TypeMapping = _PLAIN, *, backend: str = "") -> pa.DataType:
    """The Arrow type of a SQL type; what has no better one becomes text.

    Args:
        type_: as SQLAlchemy reflects it.
        mapping: what becomes of types that have several equals.
        backend: kind of database, as SQLAlchemy names it.
    """
    name = type(type_).__name__.upper()
    if isinstance(type_, sql.ARRAY):
        element = arrow_type(type_.item_type, mapping, backend=backend)
        for _ in range(type_.dimensions or 1):
            element = pa.list_(element)
        return element
    if isinstance(type_, sql.Boolean):
        return pa.bool_()
    if mapping.tinyint_is_boolean and name == "TINYINT" and getattr(type_, "display_width", None) == 1:
        return pa.bool_()
    if backend == "oracle" and isinstance(type_, sql.Integer):
        # NUMBER is both a number and an integer to SQLAlchemy; INTEGER is NUMBER(38, 0).
        return _numeric(getattr(type_, "precision", 38), getattr(type_, "scale", 0), mapping.numeric, backend)
    if isinstance(type_, sql.Integer):
        return _integer(type_, name, backend)
    if isinstance(type_, (sql.Float, sql.Double)):
        single = (name == "REAL" and backend != "sqlite") or (name == "FLOAT" and (type_.precision or 53) <= 24)
        return pa.float32() if single else pa.float64()
    if isinstance(type_, sql.Numeric):
        return _numeric(type_.precision, type_.scale, mapping.numeric, backend)
    if isinstance(type_, sql.DateTime) or name == "TIMESTAMP":
        # MySQL's TIMESTAMP is an instant; its session time zone is set to UTC.
        instant = any(getattr(type_, kind, False) for kind in ("timezone", "local_timezone")) or (
            name == "TIMESTAMP" and backend in ("mysql", "mariadb")
        )
        return pa.timestamp("us", tz="UTC" if instant else None)
    if isinstance(type_, sql.Date):
        return pa.date32()
    if isinstance(type_, sql.Time) and backend not in ("mysql", "mariadb"):
        return pa.time64("us")
    if isinstance(type_, sql.LargeBinary) or name in ("BYTEA", "BINARY", "VARBINARY", "BLOB", "GEOMETRY", "RAW"):
        return pa.binary()
    if name == "YEAR":
        return pa.int32()
    if name == "BIT" and backend in ("mysql", "mariadb"):
        return pa.bool_() if getattr(type_, "length", None) == 1 else pa.binary()
    return pa.string()


def _integer(type_: TypeEngine[Any], name: str, backend: str) -> pa.DataType:
    unsigned = bool(getattr(type_, "unsigned", False))
    if isinstance(type_, sql.BigInteger):
        return _UNSIGNED_BIGINT if unsigned else pa.int64()
    if backend == "sqlite":
        return pa.int64()
    if isinstance(type_, sql.SmallInteger) or name == "TINYINT":
        return pa.int32() if unsigned else pa.int16()
    return pa.int64() if unsigned and name != "MEDIUMINT" else pa.int32()


def _numeric(precision: int | None, scale: int | None, mapping: NumericMapping, backend: str) -> pa.DataType:
    if precision is None or precision > 76:
        return pa.float64() if mapping in _TO_DOUBLE or backend == "sqlite" else pa.string()
    places = scale or 0
    if mapping != "none" and places == 0 and precision <= 18:
        return pa.int32() if precision <= 9 else pa.int64()
    if mapping in _TO_DOUBLE and places > 0 and (precision <= 18 or mapping == "best_fit_eager_double"):
        return pa.float64()
    precision, places = (precision - places, 0) if places < 0 else (max(precision, places), places)
    return pa.decimal128(precision, places) if precision <= 38 else pa.decimal256(precision, places)


def to_array(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """A column of driver values as an Arrow array.

    Raises:
        ValueError: a value does not fit the type.
    """
    if _native(values, type_):
        with contextlib.suppress(pa.ArrowException, OverflowError, UnicodeError):
            return pa.array(values, type=type_)
    with contextlib.suppress(pa.ArrowException, OverflowError, UnicodeError):
        whole_column = _by_arrow(values, type_)
        if whole_column is not None:
            return whole_column
    try:
        convert = _converter(type_)
        return pa.array([None if value is None else convert(value) for value in values], type=type_)
    except (pa.ArrowException, ArithmeticError, TypeError, UnicodeError) as error:
        raise ValueError(str(error).splitlines()[0]) from error


def _native(values: Sequence[Any], type_: pa.DataType) -> bool:
    """Whether Arrow's own conversion is right; left alone, it reads numbers as points in time and a moment as a day."""
    if not (pa.types.is_temporal(type_) or pa.types.is_decimal(type_)):
        return True
    first = next((value for value in values if value is not None), None)
    if pa.types.is_timestamp(type_):
        return type(first) is datetime.datetime and (first.tzinfo is not None) == (type_.tz is not None)
    if pa.types.is_date(type_):
        return type(first) is datetime.date
    return type(first) in (decimal.Decimal, datetime.time)


def _by_arrow(values: Sequence[Any], type_: pa.DataType) -> pa.Array | None:
    """Arrow's conversion from another type, where it is the same as that of single values, or an error."""
    kinds = set(map(type, values)) - {type(None)}
    if pa.types.is_boolean(type_) and kinds == {int} and set(values) <= {0, 1, None}:
        return pa.array(values, pa.int8()).cast(type_)
    if kinds == {str} and (pa.types.is_timestamp(type_) or pa.types.is_date(type_)):
        texts = pa.array(values, pa.string())
        # Arrow knows a year 0.
        return None if pc.any(pc.starts_with(texts, "0000")).as_py() else texts.cast(type_)
    if pa.types.is_decimal(type_) and kinds <= {int, float, str}:
        # What has more digits than the type is an error here: it is to be rounded.
        return pa.array([None if value is None else str(value) for value in values], pa.string()).cast(type_)
    return None


def _converter(type_: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_string(type_):
        return _text
    if pa.types.is_boolean(type_):
        return _boolean
    if pa.types.is_integer(type_):
        return _whole
    if pa.types.is_floating(type_):
        return float
    if pa.types.is_decimal(type_):
        quantum = decimal.Decimal(1).scaleb(-type_.scale)
        context = decimal.Context(prec=80)
        return lambda value: _decimal(value).quantize(quantum, context=context)
    if pa.types.is_timestamp(type_):
        return _instant if type_.tz else _moment
    if pa.types.is_date(type_):
        return _date
    if pa.types.is_time(type_):
        return _time
    if pa.types.is_binary(type_):
        return lambda value: value.encode() if isinstance(value, str) else bytes(value)
    if pa.types.is_list(type_):
        element = _converter(type_.value_type)
        return lambda value: [None if item is None else element(item) for item in value]
    return lambda value: value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=str, separators=(",", ":"), ensure_ascii=False)
    if isinstance(value, (set, frozenset)):
        return ",".join(sorted(map(str, value)))
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return _duration(value)
    return str(value)


def _duration(value: datetime.timedelta) -> str:
    """As MySQL writes a TIME, which may be negative and longer than a day."""
    sign, size = ("-", -value) if value < datetime.timedelta() else ("", value)
    minutes, seconds = divmod(size.days * 86_400 + size.seconds, 60)
    fraction = f".{size.microseconds:06d}" if size.microseconds else ""
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}{fraction}"


def _boolean(value: Any) -> bool:
    if value in (0, 1):
        return bool(value)
    if isinstance(value, bytes) and value in (b"\x00", b"\x01"):
        return value == b"\x01"
    raise ValueError(f"{value!r} is not a boolean")


def _whole(value: Any) -> int:
    number = int(value)
    if number != value:
        raise ValueError(f"{value!r} is not a whole number")
    return number


def _decimal(value: Any) -> decimal.Decimal:
    return value if isinstance(value, decimal.Decimal) else decimal.Decimal(str(value))


def _parsed(value: Any) -> datetime.datetime:
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a date has no time zone
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return datetime.datetime.fromisoformat(value)
    raise ValueError(f"{value!r} is not a point in time of the years 1 to 9999")


def _instant(value: Any) -> datetime.datetime:
    moment = _parsed(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _moment(value: Any) -> datetime.datetime:
    return _parsed(value).replace(tzinfo=None)


def _date(value: Any) -> datetime.date:
    moment = value if isinstance(value, datetime.date) else _parsed(value)
    return moment.date() if isinstance(moment, datetime.datetime) else moment


def _time(value: Any) -> datetime.time:
    if isinstance(value, datetime.time):
        return value.replace(tzinfo=None)
    if isinstance(value, str) and not value.startswith("24"):
        with contextlib.suppress(ValueError):
            return datetime.time.fromisoformat(value).replace(tzinfo=None)
    raise ValueError(f"{value!r} is not a time of day before 24:00:00")
