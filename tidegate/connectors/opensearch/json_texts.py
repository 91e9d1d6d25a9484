"""Arrow columns as JSON texts, by columns. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import orjson
import pyarrow as pa
import pyarrow.compute as pc

_TEXT = pa.large_string()
_TO_ESCAPE = r'["\\\x00-\x1f]'


def json_texts(values: pa.Array, *, compact_maps: bool = True) -> pa.Array:
    """Each value as JSON on one line.

    Numbers keep all their digits, decimals too. Instants are ISO 8601 with Z, local times without; times of day and
    dates ISO 8601, durations a number of their unit, bytes base64. NaN and the infinities, which JSON has not, are
    strings.

    Args:
        values: n values of any type.
        compact_maps: whether a map with keys of text is an object; else, and with other keys, it is a list of
            ``{"key": ..., "value": ...}`` (Confluent's ``compact.map.entries``).

    Returns:
        n large strings, none null: null is ``null``.

    Raises:
        ValueError: a type that has no JSON form.
    """
    texts = _texts(values, compact_maps)
    return pc.if_else(values.is_valid(), pc.fill_null(texts, "null"), pa.scalar("null", _TEXT))


def object_texts(names: Sequence[str], columns: Sequence[pa.Array], rows: int) -> pa.Array:
    """Objects from the JSON texts of their members.

    Args:
        names: of the members.
        columns: one array of ``rows`` JSON texts a member.
        rows: how many objects.
    """
    if not names:
        return pa.repeat(pa.scalar("{}", _TEXT), rows)
    parts: list[pa.Array | pa.Scalar] = []
    for index, (name, column) in enumerate(zip(names, columns, strict=True)):
        parts += [pa.scalar(("," if index else "{") + quoted(name) + ":", _TEXT), column]
    return pc.binary_join_element_wise(*parts, pa.scalar("}", _TEXT), pa.scalar("", _TEXT))


def quoted(text: str) -> str:
    """A text as JSON."""
    return orjson.dumps(text).decode()


def quoted_texts(values: pa.Array) -> pa.Array:
    """Large strings as JSON; null stays null."""
    plain = _wrapped(values, '"', '"')
    special = pc.fill_null(pc.match_substring_regex(values, _TO_ESCAPE), False)
    if not pc.any(special).as_py():
        return plain
    escaped = [orjson.dumps(text).decode() for text in values.filter(special).to_pylist()]
    return pc.replace_with_mask(plain, special, pa.array(escaped, _TEXT))


def _texts(values: pa.Array, compact_maps: bool) -> pa.Array:
    """JSON texts of the values that are not null; whatever for the others."""
    kind = values.type
    types = pa.types
    if types.is_dictionary(kind):
        return json_texts(values.dictionary_decode(), compact_maps=compact_maps)
    if isinstance(kind, pa.BaseExtensionType):
        return json_texts(values.storage, compact_maps=compact_maps)
    if types.is_null(kind):
        return pa.repeat(pa.scalar("null", _TEXT), len(values))
    if types.is_boolean(kind):
        return pc.if_else(values, pa.scalar("true", _TEXT), pa.scalar("false", _TEXT))
    if types.is_integer(kind) or types.is_decimal(kind):
        return values.cast(_TEXT)
    if types.is_floating(kind):
        return _floats(values)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return quoted_texts(values.cast(_TEXT))
    if _is_bytes(kind):
        encoded = [None if value is None else base64.b64encode(value).decode() for value in values.to_pylist()]
        return _wrapped(pa.array(encoded, _TEXT), '"', '"')
    if types.is_date(kind):
        return _wrapped(values.cast(pa.date32()).cast(_TEXT), '"', '"')
    if types.is_timestamp(kind):
        return _timestamps(values)
    if types.is_time(kind):
        return _wrapped(values.cast(_TEXT), '"', '"')
    if types.is_duration(kind):
        return values.cast(pa.int64()).cast(_TEXT)
    if types.is_struct(kind):
        members = [json_texts(member, compact_maps=compact_maps) for member in values.flatten()]
        return object_texts(kind.names, members, len(values))
    if types.is_map(kind):
        return _maps(values, compact_maps)
    if types.is_list(kind) or types.is_large_list(kind):
        return _joined(values, json_texts(values.values, compact_maps=compact_maps), "[", "]")
    if types.is_fixed_size_list(kind) or types.is_list_view(kind) or types.is_large_list_view(kind):
        return _texts(values.cast(pa.large_list(kind.value_type)), compact_maps)
    raise ValueError(
        f"a value of type {kind} has no JSON form: leave the field out, or cast it with the transform Cast"
    )


def _is_bytes(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    )


def _wrapped(texts: pa.Array, before: str, after: str) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(before, _TEXT), texts, pa.scalar(after, _TEXT), pa.scalar("", _TEXT))


def _floats(values: pa.Array) -> pa.Array:
    if pa.types.is_float16(values.type):
        values = values.cast(pa.float32())
    texts = values.cast(_TEXT)
    finite = pc.is_finite(values)
    if pc.all(pc.fill_null(finite, True)).as_py():
        return texts
    infinite = pc.if_else(pc.greater(values, 0), pa.scalar('"Infinity"', _TEXT), pa.scalar('"-Infinity"', _TEXT))
    return pc.if_else(finite, texts, pc.if_else(pc.is_nan(values), pa.scalar('"NaN"', _TEXT), infinite))


def _timestamps(values: pa.Array) -> pa.Array:
    local = values.cast(pa.timestamp(values.type.unit)).cast(_TEXT)
    return _wrapped(pc.replace_substring(local, " ", "T"), '"', '"' if values.type.tz is None else 'Z"')


def _maps(values: pa.MapArray, compact: bool) -> pa.Array:
    keys, items = json_texts(values.keys, compact_maps=compact), json_texts(values.items, compact_maps=compact)
    kind = values.type.key_type
    if compact and (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        entries = pc.binary_join_element_wise(keys, items, pa.scalar(":", _TEXT))
        return _joined(values, entries, "{", "}")
    return _joined(values, object_texts(("key", "value"), (keys, items), len(keys)), "[", "]")


def _joined(lists: pa.Array, texts: pa.Array, before: str, after: str) -> pa.Array:
    """The texts of each list's elements with commas between.

    Args:
        lists: n lists, or maps.
        texts: one for each of all elements.
        before: what a list begins with.
        after: what it ends with.
    """
    made = pa.LargeListArray.from_arrays(_offsets(lists), texts)
    return _wrapped(pc.binary_join(made, pa.scalar(",", _TEXT)), before, after)


def _offsets(lists: pa.Array) -> pa.Array:
    """Where the lists begin in all elements, and where the last ends; null lists are empty."""
    return lists.offsets.cast(pa.int64())
