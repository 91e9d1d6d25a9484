"""Values of a field in the form a column takes, and those it does not take. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.jdbc_sink.table import Column, Kind
from tidegate.converters.json_values import json_values
from tidegate.records.avro_metadata import LOGICAL

_NUMBERS = (Kind.INTEGER, Kind.REAL, Kind.DECIMAL)
_MOMENTS = (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT)
_INSTANT = pa.timestamp("us", "UTC")
_WHOLE = pa.decimal256(76, 0)
_MOST_WHOLE = 1e38


@dataclass(frozen=True, slots=True)
class Fitted:
    """The outcome of :func:`fit`.

    Args:
        array: bool, integer, floating point, decimal, string, binary, date32, time64[us], timestamp[us] as a wall clock
            or timestamp[us, UTC]; null in refused rows.
        faults: row to what is wrong, as the end of a sentence that names field and column.
    """

    array: pa.Array
    faults: dict[int, str]


class UnfitError(ValueError):
    """No value of the field's type fits the column; the message is the end of a sentence that names both."""


def fit(field: pa.Field, array: pa.Array, column: Column, *, zone: str, backend: str) -> Fitted:
    """Converts values for a column.

    Args:
        field: the record's field.
        array: its values.
        column: the table's column.
        zone: time zone of columns that know none.
        backend: kind of database.

    Raises:
        UnfitError: see there.
    """
    array = _decoded(field, array)
    kind, types = column.kind, pa.types
    if types.is_null(array.type):
        return Fitted(array.cast(pa.string()), {})
    if types.is_boolean(array.type):
        return _boolean(array, kind)
    if types.is_integer(array.type) or types.is_decimal(array.type) or types.is_floating(array.type):
        return _number(array, column, backend)
    if types.is_string(array.type) or types.is_large_string(array.type):
        return _text(array, column, backend)
    if types.is_binary(array.type) or types.is_large_binary(array.type) or types.is_fixed_size_binary(array.type):
        if kind not in (Kind.BINARY, Kind.OTHER):
            raise UnfitError("bytes need a column of bytes; make the field text, or the column binary")
        return Fitted(array.cast(pa.large_binary()), {})
    if types.is_temporal(array.type) and not types.is_duration(array.type) and not types.is_interval(array.type):
        return _moment(array, kind, zone)
    if kind is Kind.ARRAY and (types.is_list(array.type) or types.is_large_list(array.type)):
        return _list(field, array, column, zone=zone, backend=backend)
    if kind not in (Kind.JSON, Kind.TEXT, Kind.OTHER):
        raise UnfitError("a nested value needs a column of JSON or text; flatten the record, or add such a column")
    values = json_values(array, numeric_decimals=True)
    if types.is_duration(array.type) or types.is_interval(array.type):
        return Fitted(pa.array([None if value is None else str(value) for value in values], pa.string()), {})
    texts = [None if value is None else orjson.dumps(value).decode() for value in values]
    return Fitted(pa.array(texts, pa.string()), {})


def text_of(array: pa.Array) -> pa.Array:
    """A fitted array as large strings that the three databases read: ISO 8601 with a space, decimals in digits."""
    if pa.types.is_decimal(array.type):
        # Arrow writes small ones with an exponent, which MariaDB reads as floating point.
        texts = array.cast(pa.string())
        if not pc.any(pc.match_substring(texts, "E")).as_py():
            return texts.cast(pa.large_string())
        return pa.array([None if value is None else f"{value:f}" for value in array.to_pylist()], pa.large_string())
    if pa.types.is_timestamp(array.type):
        array = wall_clock(array, "UTC")
    return array.cast(pa.large_string())


def wall_clock(array: pa.Array, zone: str) -> pa.Array:
    """Instants as the clock of a zone shows them; what is a wall clock already stays."""
    if array.type.tz is None:
        return array
    if zone == "UTC":
        # Needs no database of time zones.
        return array.cast(pa.int64()).cast(pa.timestamp(array.type.unit))
    return pc.local_timestamp(array.cast(pa.timestamp(array.type.unit, zone)))


def _decoded(field: pa.Field, array: pa.Array) -> pa.Array:
    if isinstance(array.type, pa.UuidType):
        return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_fixed_size_binary(array.type) and (field.metadata or {}).get(LOGICAL) == b"uuid":
        values = [None if value is None else str(uuid.UUID(bytes=value)) for value in array.to_pylist()]
        return pa.array(values, pa.string())
    return array


def _boolean(array: pa.Array, kind: Kind) -> Fitted:
    if kind in _NUMBERS:
        return Fitted(array.cast(pa.int8()), {})
    _refuse(kind, "a truth value", *_MOMENTS, Kind.BINARY, Kind.ARRAY)
    return Fitted(array, {})


def _number(array: pa.Array, column: Column, backend: str) -> Fitted:
    kind = column.kind
    _refuse(kind, "a number", *_MOMENTS, Kind.BINARY, Kind.ARRAY)
    faults: dict[int, str] = {}
    if pa.types.is_floating(array.type):
        if array.type == pa.float16():
            array = array.cast(pa.float32())
        if backend in ("mysql", "mariadb"):
            _fault(faults, array, pc.invert(pc.is_finite(array)), "is no number that the database knows")
        elif backend == "sqlite":
            _fault(faults, array, pc.is_nan(array), "is no number, which the database would take for null")
    if kind is Kind.BOOLEAN:
        _fault(faults, array, pc.invert(pc.is_in(array, pa.array([0, 1]).cast(array.type))), "is neither 0 nor 1")
        array = _without(array, faults).cast(pa.int8()).cast(pa.bool_())
    elif kind is Kind.INTEGER:
        array = _whole(array, faults)
        low, high = column.low, column.high
        if low is not None and high is not None and not _within(array.type, low, high):
            wide = array.cast(_WHOLE) if not pa.types.is_decimal(array.type) else array
            outside = pc.or_(pc.less(wide, pa.scalar(low, _WHOLE)), pc.greater(wide, pa.scalar(high, _WHOLE)))
            _fault(faults, array, outside, f"is out of range: the column takes {low} to {high}")
    return Fitted(_without(array, faults), faults)


def _whole(array: pa.Array, faults: dict[int, str]) -> pa.Array:
    if pa.types.is_integer(array.type):
        return array
    if pa.types.is_floating(array.type):
        _fault(faults, array, pc.greater(pc.abs(array), _MOST_WHOLE), "is out of range of any column of whole numbers")
        whole = pc.and_(pc.is_finite(array), pc.equal(pc.floor(array), array))
    elif array.type.scale <= 0:
        whole = array.is_valid()
    else:
        whole = pc.equal(pc.round(array, 0), array)
    _fault(faults, array, pc.invert(whole), "is not whole, and the column takes whole numbers only")
    sound = _without(array, faults)
    return pa.array([None if value is None else int(value) for value in sound.to_pylist()], _WHOLE)


def _within(type_: pa.DataType, low: int, high: int) -> bool:
    if not pa.types.is_integer(type_):
        return False
    if pa.types.is_unsigned_integer(type_):
        return bool(low <= 0 and 2**type_.bit_width - 1 <= high)
    return bool(low <= -(2 ** (type_.bit_width - 1)) and 2 ** (type_.bit_width - 1) - 1 <= high)


_WHOLE_TEXT = r"^\s*[+-]?[0-9]+\s*$"
_NUMBER_TEXT = r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"


def _text(array: pa.Array, column: Column, backend: str) -> Fitted:
    kind = column.kind
    if kind is Kind.BINARY:
        return Fitted(array.cast(pa.large_binary()), {})
    faults: dict[int, str] = {}
    if kind in _NUMBERS and backend != "postgresql":
        pattern = _WHOLE_TEXT if kind is Kind.INTEGER else _NUMBER_TEXT
        _fault(faults, array, pc.invert(pc.match_substring_regex(array, pattern)), f"is no {kind}")
        array = _without(array, faults)
    if kind in (Kind.TIMESTAMP, Kind.INSTANT):
        try:
            array = array.cast(_INSTANT)
        except pa.ArrowInvalid:
            # Not all say their zone: the database reads them as they are.
            return Fitted(array, faults)
        return Fitted(array, faults)
    return Fitted(array, faults)


def _moment(array: pa.Array, kind: Kind, zone: str) -> Fitted:
    types = pa.types
    _refuse(kind, "a date or time", Kind.BOOLEAN, *_NUMBERS, Kind.BINARY, Kind.JSON, Kind.ARRAY)
    faults: dict[int, str] = {}
    if types.is_date(array.type):
        _refuse(kind, "a date", Kind.TIME)
        return Fitted(array.cast(pa.date32()), {})
    if types.is_time(array.type):
        _refuse(kind, "a time of day", Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT)
        return Fitted(array.cast(pa.time64("us"), safe=False), {})
    micros = _cast(array, pa.timestamp("us", array.type.tz and "UTC"), faults)
    if kind is Kind.INSTANT:
        if micros.type.tz is None:
            micros = _instant(micros, zone)
        return Fitted(micros, faults)
    if kind is Kind.TEXT and micros.type.tz is not None:
        texts = text_of(micros)
        return Fitted(pc.binary_join_element_wise(texts, pa.scalar("+00:00", pa.large_string()), ""), faults)
    local = wall_clock(micros, zone)
    if kind is Kind.DATE:
        local = local.cast(pa.date32(), safe=False)
    elif kind is Kind.TIME:
        local = local.cast(pa.time64("us"))
    return Fitted(local, faults)


def _instant(array: pa.Array, zone: str) -> pa.Array:
    if zone == "UTC":
        return array.cast(pa.int64()).cast(_INSTANT)
    # An hour that is there twice, or not at all, has to be some instant: the first of the two.
    return pc.assume_timezone(array, zone, ambiguous="earliest", nonexistent="latest").cast(_INSTANT)


def _list(field: pa.Field, array: pa.Array, column: Column, *, zone: str, backend: str) -> Fitted:
    inner = array.type.value_field
    nested = pa.types.is_list(inner.type) or pa.types.is_large_list(inner.type)
    element = Column(column.name, Kind.ARRAY if nested else column.element, column.type_text, element=column.element)
    fitted = fit(inner.with_name(field.name), array.flatten(), element, zone=zone, backend=backend)
    if fitted.faults:
        raise UnfitError(f"an element {next(iter(fitted.faults.values()))}")
    if pa.types.is_binary(fitted.array.type) or pa.types.is_large_binary(fitted.array.type):
        texts = [None if value is None else f"\\x{value.hex()}" for value in fitted.array.to_pylist()]
    else:
        texts = text_of(fitted.array).to_pylist()
    quoted = texts if nested else [None if text is None else _array_item(text) for text in texts]
    items = iter(["NULL" if text is None else text for text in quoted])
    lengths = pc.list_value_length(array).to_pylist()
    literals = [None if size is None else "{" + ",".join(next(items) for _ in range(size)) + "}" for size in lengths]
    return Fitted(pa.array(literals, pa.string()), {})


def _array_item(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _refuse(kind: Kind, what: str, *kinds: Kind) -> None:
    if kind in kinds:
        raise UnfitError(f"{what} is no {kind}; alter the column, or convert the field with a transform")


def _cast(array: pa.Array, type_: pa.DataType, faults: dict[int, str]) -> pa.Array:
    try:
        return array.cast(type_, safe=False)
    except pa.ArrowInvalid:
        pass
    parts = []
    for row in range(len(array)):
        one = array.slice(row, 1)
        try:
            parts.append(one.cast(type_, safe=False))
        except pa.ArrowInvalid:
            faults[row] = "is out of range"
            parts.append(pa.nulls(1, type_))
    return pa.concat_arrays(parts)


def _fault(faults: dict[int, str], array: pa.Array, mask: pa.Array, rule: str) -> None:
    for row in pc.indices_nonzero(mask.fill_null(False)).to_pylist():
        faults.setdefault(row, f"{_shown(array[row].as_py())} {rule}")


def _without(array: pa.Array, faults: dict[int, str]) -> pa.Array:
    if not faults:
        return array
    bad = pa.array([row in faults for row in range(len(array))])
    return pc.if_else(bad, pa.scalar(None, array.type), array)


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
