"""Documents, as JSON texts, from the values of records. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.opensearch.document_ids import Faults
from tidegate.connectors.opensearch.json_texts import json_texts, object_texts
from tidegate.connectors.opensearch.options import Options
from tidegate.records.envelope import Batch

_TEXT = pa.large_string()
_TIMESTAMP = "@timestamp"
_NO_OBJECT = (
    "the value is no JSON object, which a document is: use a converter with fields, or the transform HoistField"
)


def documents(batch: Batch, options: Options) -> tuple[pa.Array, Faults]:
    """The document of each record.

    Records with fields become objects; values of text or bytes have to be JSON objects and are passed on as they are.

    Returns:
        n large strings, null for tombstones and faults; and the faults.
    """
    value = batch.value
    kind = value.type
    stream = options.data_stream is not None
    if pa.types.is_struct(kind):
        try:
            texts = _objects(batch, options)
        except ValueError as error:
            return pa.nulls(len(batch), _TEXT), dict.fromkeys(_valid(value), str(error))
        return pc.if_else(value.is_valid(), texts, pa.scalar(None, _TEXT)), {}
    if pa.types.is_map(kind):
        texts = json_texts(value, compact_maps=True)
        return _checked(batch, texts.to_pylist(), stream=stream)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_bytes(kind):
        return _checked(batch, value.to_pylist(), stream=stream)
    return pa.nulls(len(batch), _TEXT), dict.fromkeys(_valid(value), f"{_NO_OBJECT} (it is {kind})")


def _objects(batch: Batch, options: Options) -> pa.Array:
    value = batch.value
    members = dict(
        zip(
            value.type.names,
            (json_texts(member, compact_maps=options.compact_maps) for member in value.flatten()),
            strict=True,
        )
    )
    stream = options.data_stream
    if stream is not None and (stream.timestamp_fields or _TIMESTAMP not in members):
        sources = [_or_none(members[name]) for name in stream.timestamp_fields if name in members]
        time = pc.coalesce(*sources, json_texts(batch.records.column("timestamp")))
        members = {_TIMESTAMP: time} | {name: texts for name, texts in members.items() if name != _TIMESTAMP}
    return object_texts(list(members), list(members.values()), len(batch))


def _or_none(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, "null"), pa.scalar(None, _TEXT), texts)


def _checked(batch: Batch, values: Sequence[str | bytes | None], *, stream: bool) -> tuple[pa.Array, Faults]:
    texts: list[str | None] = []
    faults: Faults = {}
    times = json_texts(batch.records.column("timestamp")).to_pylist() if stream else ()
    for row, value in enumerate(values):
        text = None
        if value is not None:
            try:
                text = _one_line(value, times[row] if stream else None)
            except ValueError as error:
                faults[row] = str(error)
        texts.append(text)
    return pa.array(texts, _TEXT), faults


def _one_line(value: str | bytes, time: str | None) -> str:
    """A JSON object on one line, with a timestamp if it has none and one is wanted."""
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{_NO_OBJECT} ({error})") from None
    if not isinstance(parsed, dict):
        raise ValueError(_NO_OBJECT)
    # Kept as written, for parsing rounds numbers; a line's end within JSON is white space.
    text = (value if isinstance(value, str) else value.decode()).replace("\n", " ").replace("\r", " ").strip()
    if time is None or _TIMESTAMP in parsed:
        return text
    return f'{{"{_TIMESTAMP}":{time}{"," if parsed else ""}{text[1:].lstrip()}'


def _valid(value: pa.Array) -> list[int]:
    return [row for row, valid in enumerate(value.is_valid().to_pylist()) if valid]


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
