"""Our transforms applied to records given as JSON, with results in the form of :class:`ConnectTransforms`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from tests.integration.transforms.connect_transforms import Step
from tidegate.converters.base import DecodedRun
from tidegate.converters.json import JsonConverter
from tidegate.records.envelope import HEADERS, TIMESTAMP, Batch
from tidegate.sdk.config_def import Config
from tidegate.transforms.chain import TransformChain
from tidegate.transforms.configuration import transform_chain
from tidegate.transforms.side import is_schemaless


def chain_of(steps: Sequence[Step]) -> TransformChain:
    """The chain of some steps."""
    config: dict[str, str] = {"transforms": ",".join(f"t{number}" for number in range(len(steps)))}
    predicates = []
    for number, step in enumerate(steps):
        config[f"transforms.t{number}.type"] = step.type
        config |= {f"transforms.t{number}.{key}": text for key, text in step.config.items()}
        if step.predicate is not None:
            predicates.append(f"p{number}")
            kind, keys = step.predicate
            config[f"transforms.t{number}.predicate"] = f"p{number}"
            config[f"transforms.t{number}.negate"] = str(step.negate).lower()
            config[f"predicates.p{number}.type"] = kind
            config |= {f"predicates.p{number}.{key}": text for key, text in keys.items()}
    if predicates:
        config["predicates"] = ",".join(predicates)
    return transform_chain(Config({}, config))


def results(chain: TransformChain, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What becomes of records of one topic, whose keys and values share a schema each."""
    found: list[dict[str, Any]] = [{"dropped": True} for _ in records]
    transformed = chain.apply(batch_of(records))
    for fault in transformed.faults:
        found[fault.row] = {"error": fault.exception, "message": fault.message}
    for part in transformed.parts:
        keys, values = _envelopes(part.batch, "key"), _envelopes(part.batch, "value")
        headers = part.batch.records.column("headers").to_pylist()
        stamps = part.batch.records.column("timestamp").cast(pa.int64()).to_pylist()
        for at, row in enumerate(part.rows.tolist()):
            found[row] = {
                "topic": part.batch.topic,
                "timestamp": stamps[at],
                "key": keys[at],
                "value": values[at],
                "headers": [
                    [one["key"], None if one["value"] is None else one["value"].decode()] for one in headers[at] or []
                ],
            }
    return found


def batch_of(records: Sequence[Mapping[str, Any]]) -> Batch:
    """The records as they come out of the JSON converter."""
    columns = {side: _decoded([record[side] for record in records], side) for side in ("key", "value")}
    fields = [columns["key"].field.with_name("key"), columns["value"].field.with_name("value")]
    headers = [[{"key": name, "value": text and text.encode()} for name, text in one["headers"]] for one in records]
    arrays = [
        columns["key"].values,
        columns["value"].values,
        pa.array([row or None for row in headers], HEADERS),
        pa.array([record["timestamp"] for record in records], pa.int64()).cast(TIMESTAMP),
    ]
    fields += [pa.field("headers", HEADERS), pa.field("timestamp", TIMESTAMP)]
    if records[0]["offset"] is not None:
        arrays += [pa.array([record[name] for record in records], kind) for name, kind in _PLACE]
        fields += [pa.field(name, kind) for name, kind in _PLACE]
    return Batch(records[0]["topic"], pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields)))


_NOT_IN_JSON = ("NaN", "Infinity", "-Infinity")
"""Connect writes the names of these numbers, our JSON converter null."""
_FLOAT_TEXT = re.compile(r"(-?\d\.\d+(E-?\d+)?){2}")
_PLACE = (("partition", pa.int32()), ("offset", pa.int64()))


def _decoded(envelopes: Sequence[Any], side: str) -> DecodedRun:
    with_schema = any(one is not None and one["schema"] is not None for one in envelopes)
    converter = _json(schemas=with_schema, side=side)
    texts = [None if one is None else orjson.dumps(one if with_schema else one["payload"]) for one in envelopes]
    decoded = converter.decode("t", pa.array(texts, pa.binary()))
    assert not decoded.faults, decoded.faults
    (run,) = decoded.runs
    return run


def _envelopes(batch: Batch, side: str) -> list[Any]:
    column, field = batch.records.column(side), batch.records.schema.field(side)
    loose = is_schemaless(field)
    encoded = _json(schemas=not loose, side=side).encode("t", column, field)
    assert not encoded.faults, encoded.faults
    trees = [None if text is None else orjson.loads(text) for text in encoded.data.to_pylist()]
    return [None if tree is None else {"schema": None, "payload": tree} for tree in trees] if loose else trees


def _json(*, schemas: bool, side: str) -> JsonConverter:
    converter = JsonConverter()
    converter.configure({"schemas.enable": str(schemas).lower()}, is_key=side == "key", registry=None)
    return converter


def same(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether two results are the same: errors by being one, all else by what a consumer reads."""
    if "error" in ours or "error" in theirs or "dropped" in ours or "dropped" in theirs:
        return ("error" in ours, "dropped" in ours) == ("error" in theirs, "dropped" in theirs)
    if (ours["topic"], ours["timestamp"]) != (theirs["topic"], theirs["timestamp"]):
        return False
    if not _same_free(ours["headers"], theirs["headers"]):
        return False
    return all(_same_envelope(ours[side], theirs[side]) for side in ("key", "value"))


def _same_envelope(ours: Any, theirs: Any) -> bool:
    # A null whose schema is known is no message with our converter, and an envelope without payload with Connect's.
    empty = [one is None or one["payload"] in (None, *_NOT_IN_JSON) for one in (ours, theirs)]
    if any(empty):
        return all(empty)
    if (ours["schema"] is None) != (theirs["schema"] is None):
        return False
    if ours["schema"] is None:
        return _same_free(_without_nulls(ours["payload"]), _without_nulls(theirs["payload"]))
    return _shape(ours["schema"], top=True) == _shape(theirs["schema"], top=True) and _same_payload(
        ours["schema"], ours["payload"], theirs["payload"]
    )


def _shape(schema: Mapping[str, Any], *, top: bool = False) -> dict[str, Any]:
    """A schema without what only one side tells: a batch does not know whether its values may be null."""
    kept = {name: schema[name] for name in ("type", "name", "field", "version") if schema.get(name) is not None}
    if not top:
        kept["optional"] = schema.get("optional", False)
    for name in ("items", "keys", "values"):
        if name in schema:
            kept[name] = _shape(schema[name], top=name == "keys")
    if "fields" in schema:
        kept["fields"] = [_shape(one) for one in schema["fields"]]
    return kept


def _same_payload(schema: Mapping[str, Any], ours: Any, theirs: Any) -> bool:
    if schema["type"] in ("float", "double") and theirs in _NOT_IN_JSON:
        return ours is None
    if ours is None or theirs is None:
        return ours is theirs
    match schema["type"]:
        case "struct":
            return all(_same_payload(one, ours[one["field"]], theirs[one["field"]]) for one in schema["fields"])
        case "array":
            pairs = zip(ours, theirs, strict=False)
            return len(ours) == len(theirs) and all(_same_payload(schema["items"], *pair) for pair in pairs)
        case "float":
            return bool(np.float32(ours) == np.float32(theirs))
        case _:
            return _same_scalar(ours, theirs)


def _same_free(ours: Any, theirs: Any) -> bool:
    """Whether JSON values are the same; a number may be a float of 32 bits, with as many digits as those need."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_same_free, ours, theirs))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(_same_free(ours[name], theirs[name]) for name in ours)
    if isinstance(ours, float) and isinstance(theirs, float):
        with np.errstate(over="ignore"):
            return bool(np.float32(ours) == np.float32(theirs))
    return _same_scalar(ours, theirs)


def _same_scalar(ours: Any, theirs: Any) -> bool:
    """Whether values are the same; Java before 19 writes some floats with other digits than the fewest."""
    if isinstance(ours, str) and isinstance(theirs, str) and _FLOAT_TEXT.fullmatch(ours + theirs):
        with np.errstate(over="ignore"):
            return bool(np.float32(ours) == np.float32(theirs))
    return bool(ours == theirs)


def _without_nulls(value: Any) -> Any:
    """Maps without the entries that are null: in columns a name that one record lacks is null there."""
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one not in (None, *_NOT_IN_JSON)}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value
