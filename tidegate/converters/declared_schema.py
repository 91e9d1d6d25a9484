"""A declared schema: plain JSON is read as what the configuration says it is (KIP-1054), in other languages too."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from tidegate.converters.connect_payload import PayloadReader, payload_reader
from tidegate.converters.connect_schema import arrow_field as connect_field
from tidegate.converters.json_schema_check import Check, json_schema_check
from tidegate.converters.json_schema_types import JsonSchemaTypes
from tidegate.errors import ConfigError, ConfigProblem
from tidegate.records.avro_metadata import SYMBOLS, UNION
from tidegate.records.avro_schema import parse_schema
from tidegate.records.avro_to_arrow import arrow_field as avro_field
from tidegate.records.codec import DatumError, DatumFault
from tidegate.records.envelope import SCHEMA_ID
from tidegate.records.field_default import DEFAULT
from tidegate.records.json_columns import read_declared
from tidegate.records.schema_error import UnusableSchemaError
from tidegate.registry_client import RegistryClient, SchemaNotFoundError, SchemaType

CONTENT = "schema.content"
SUBJECT = "schema.subject"
VERSION = "schema.version"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_ANNOTATIONS = {"$schema", "$id", "title", "description", "type", "properties", "required", "items", "examples"}


class DeclaredColumn(NamedTuple):
    """What was read.

    Args:
        rows: int32 array of indexes into the messages, ascending.
        values: as many values.
        faults: the other rows, ascending.
    """

    rows: pa.Array
    values: pa.Array
    faults: list[DatumFault]


class DeclaredSchema:
    """Reads messages of one schema.

    Members that the schema does not know are passed over, unless it is a JSON Schema that forbids them.

    Args:
        field: type and metadata of the values.
        read: reads a parsed message.
        check: judges a parsed message before; None for no more rules than the type's.
        plain: whether the type alone says how messages are read.
    """

    def __init__(self, field: pa.Field, read: PayloadReader, check: Check | None, *, plain: bool) -> None:
        self.field = field
        self._read = read
        self._check = check
        self._plain = plain

    def decode(self, data: pa.Array) -> DeclaredColumn:
        """Reads messages; null stays null.

        Args:
            data: binary array of n messages.
        """
        at_once = read_declared(data, self.field.type) if self._plain else None
        if at_once is None:
            return self._one_by_one(data, range(len(data)))
        done = np.delete(np.arange(len(data), dtype=np.int32), at_once.left)
        if not at_once.left:
            return DeclaredColumn(pa.array(done), at_once.values, [])
        rest = self._one_by_one(data, at_once.left)
        rows = np.concatenate([done, rest.rows.to_numpy()])
        order = np.argsort(rows)
        values = pa.concat_arrays([at_once.values, rest.values]).take(pa.array(order))
        return DeclaredColumn(pa.array(rows[order]), values, rest.faults)

    def _one_by_one(self, data: pa.Array, which: Iterable[int]) -> DeclaredColumn:
        rows: list[int] = []
        values: list[Any] = []
        faults: list[DatumFault] = []
        for row in which:
            message = data[row].as_py()
            try:
                value = None if message is None else orjson.loads(message)
            except orjson.JSONDecodeError as error:
                faults.append(DatumFault(row, f"The record is not JSON: {error}."))
                continue
            problem = None if self._check is None or value is None else self._check(value)
            if problem is None:
                try:
                    values.append(self._read(value))
                    rows.append(row)
                    continue
                except DatumError as error:
                    problem = str(error)
            faults.append(DatumFault(row, problem))
        return DeclaredColumn(pa.array(rows, pa.int32()), pa.array(values, self.field.type), faults)


def declared_schema(config: Mapping[str, str], side: str, registry: RegistryClient | None) -> DeclaredSchema | None:
    """The schema a converter's configuration declares; None if it declares none.

    Args:
        config: the converter's configuration: ``schema.content``, or ``schema.subject`` and ``schema.version``.
        side: ``key`` or ``value``.
        registry: finds subjects.

    Raises:
        ConfigError: there is no such schema, or none that says one type of every field.
        RetriableError: the registry is away.
    """
    content, subject = config.get(CONTENT, "").strip(), config.get(SUBJECT, "").strip()
    if not content and not subject:
        return None
    if content and subject:
        raise ConfigError([ConfigProblem(SUBJECT, f"does not go with {CONTENT}: leave one of the two out")])
    try:
        if content:
            return _made(content, _language(content), side, {})
        return _of_subject(subject, config.get(VERSION, "latest").strip(), side, registry)
    except (UnusableSchemaError, SchemaNotFoundError) as error:
        raise ConfigError([ConfigProblem(CONTENT if content else SUBJECT, f"can not be used: {error}")]) from error


def _of_subject(subject: str, version: str, side: str, registry: RegistryClient | None) -> DeclaredSchema:
    if registry is None:
        raise ConfigError([ConfigProblem(SUBJECT, f"needs a schema registry: give the schema itself as {CONTENT}")])
    if version != "latest" and not version.isdecimal():
        raise ConfigError([ConfigProblem(VERSION, f"{version!r} is not a version: use a number, or latest")])
    found = registry.latest(subject) if version == "latest" else registry.version(subject, int(version))
    if found.schema.references:
        raise UnusableSchemaError("It refers to other subjects.", remedy=f"Give it in one piece as {CONTENT}.")
    return _made(found.schema.text, found.schema.type, side, {SCHEMA_ID: str(found.id).encode()})


def _language(text: str) -> SchemaType | None:
    """The language of a text; None for Connect's own."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnusableSchemaError(f"It is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise UnusableSchemaError("It is not an object.")
    if document.get("type") == "record":
        return "AVRO"
    return "JSON" if document.get("type") == "object" or document.keys() & {"$schema", "$ref", "properties"} else None


def _made(text: str, language: SchemaType | None, side: str, metadata: dict[bytes, bytes]) -> DeclaredSchema:
    check: Check | None = None
    plain = True
    if language == "AVRO":
        field = avro_field(parse_schema(text), side)
    elif language == "PROTOBUF":
        raise UnusableSchemaError("It is Protobuf, which says nothing about JSON.")
    elif language == "JSON":
        document = orjson.loads(text)
        field = connect_field(JsonSchemaTypes(document, {}).connect_schema(), side)
        if not _says_types_only(document):
            check, plain = json_schema_check(document, {}), False
    else:
        field = connect_field(orjson.loads(text), side)
    field = field.with_nullable(True).with_metadata({**(field.metadata or {}), **metadata})
    _refuse_unreadable(field, "")
    plain = plain and pa.types.is_struct(field.type) and not _says(field, DEFAULT) and not _says(field, SYMBOLS)
    return DeclaredSchema(field, payload_reader(field, "", _leaf), check, plain=plain)


def _says_types_only(document: Any) -> bool:
    """Whether a JSON Schema document has no rule beyond those of its types."""
    if not isinstance(document, dict) or not document.keys() <= _ANNOTATIONS:
        return False
    children = [*document.get("properties", {}).values(), *([document["items"]] if "items" in document else [])]
    return all(_says_types_only(child) for child in children)


def _says(field: pa.Field, what: bytes) -> bool:
    """Whether a field, or one within it, has some metadata."""
    return what in (field.metadata or {}) or any(_says(child, what) for child in _children(field))


def _children(field: pa.Field) -> list[pa.Field]:
    return [field.type.field(index) for index in range(field.type.num_fields)]


def _refuse_unreadable(field: pa.Field, path: str) -> None:
    types = pa.types
    kind = field.type
    if (field.metadata or {}).get(UNION) == b"true":
        raise UnusableSchemaError(f"Field {path} is of several types, of which JSON does not tell the right one.")
    if types.is_duration(kind) or types.is_interval(kind) or types.is_null(kind):
        raise UnusableSchemaError(f"Field {path} is {kind}, which JSON has no form for.")
    for child in _children(field):
        _refuse_unreadable(child, f"{path}.{child.name}" if path else child.name)


def _leaf(field: pa.Field, path: str) -> PayloadReader | None:
    """Readers of what plain JSON holds otherwise than Connect's."""
    kind = field.type
    types = pa.types
    if types.is_temporal(kind):
        usual = payload_reader(pa.field(field.name, kind), path)
        return lambda value: _temporal(value, kind, path) if isinstance(value, str) else usual(value)
    if types.is_fixed_size_binary(kind):
        return lambda value: _fixed(value, kind.byte_width, path)
    symbols = (field.metadata or {}).get(SYMBOLS)
    return None if symbols is None else _symbol_reader(frozenset(json.loads(symbols)), path)


def _symbol_reader(symbols: frozenset[str], path: str) -> PayloadReader:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in symbols:
            raise DatumError(path, f"is {value!r}, and the schema wants one of {', '.join(sorted(symbols))}")
        return value

    return read


def _fixed(value: Any, width: int, path: str) -> bytes:
    try:
        raw = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != width:
        raise DatumError(path, f"is {value!r}, and the schema wants base64 of {width} bytes")
    return raw


def _temporal(text: str, kind: pa.DataType, path: str) -> int:
    """ISO 8601 text as the number its type stores."""
    types = pa.types
    try:
        if types.is_date(kind):
            return (date.fromisoformat(text) - _EPOCH.date()).days
        if types.is_time(kind):
            of_day = time.fromisoformat(text)
            since = timedelta(
                hours=of_day.hour, minutes=of_day.minute, seconds=of_day.second, microseconds=of_day.microsecond
            )
        else:
            moment = datetime.fromisoformat(text)
            since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    except ValueError:
        raise DatumError(path, f"is {text!r}, which is neither a number nor ISO 8601 text of {kind}") from None
    return (since // timedelta(microseconds=1)) * _PER_SECOND[kind.unit] // 1_000_000
