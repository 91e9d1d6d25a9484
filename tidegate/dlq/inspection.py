"""One dead letter laid open: its reason, what it holds, what was expected, and what differs."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from tidegate.converters.avro import AvroConverter
from tidegate.converters.json_inference import InferredRun, inferred_runs
from tidegate.converters.json_schema import JsonSchemaConverter
from tidegate.converters.options import choice
from tidegate.converters.plugins import converter
from tidegate.converters.registry_converter import RegistryConverter
from tidegate.converters.subject_name import STRATEGIES, subject_name
from tidegate.dlq.difference import Difference, differences
from tidegate.dlq.expected import ExpectedSchemas
from tidegate.dlq.letter import DeadLetter
from tidegate.dlq.partial import decode_partially
from tidegate.errors import FatalError
from tidegate.records.avro_to_arrow import arrow_field
from tidegate.records.envelope import SCHEMA_NAME
from tidegate.records.row_json import row_json
from tidegate.records.wire_format import HEADER_SIZE
from tidegate.registry_client import RegistryClient

_HEX_BYTES = 64


@dataclass
class Inspection:
    """A letter for people and programs.

    Args:
        letter: the letter.
        subject: where its schema should be registered; empty without a registry.
        values: what could be read, by field; None where it is not of fields.
        fault: why the rest could not be read; empty if all was.
        unread: hexadecimal text of the bytes that could not be read.
        found: the record's fields with their types.
        expected: the expected schema's fields with their types.
        expected_version: which version of the subject that is; None if there is none.
        differences: what tells them apart.
    """

    letter: DeadLetter
    subject: str = ""
    values: dict[str, Any] | None = None
    fault: str = ""
    unread: str = ""
    found: dict[str, str] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)
    expected_version: int | None = None
    differences: Sequence[Difference] = ()


class Inspector:
    """Lays letters open.

    Args:
        config: the connector's: its value converter's keys matter.
        registry: asked for schemas.
    """

    def __init__(self, config: Mapping[str, str], registry: RegistryClient) -> None:
        settings = {
            name.removeprefix("value.converter."): text
            for name, text in config.items()
            if name.startswith("value.converter.")
        }
        self._registry = registry
        self._expected = ExpectedSchemas(registry)
        self._strategy = choice(settings, ("value.subject.name.strategy", "subject.name.strategy"), STRATEGIES)
        self._converter = converter(config.get("value.converter", "avro"))
        self._converter.configure(settings, is_key=False, registry=registry)

    def inspect(self, letter: DeadLetter) -> Inspection:
        """Lays a letter open.

        Raises:
            RetriableError: the registry is away.
        """
        opened = Inspection(letter)
        if letter.value is None:
            opened.fault = "the value is null: a tombstone."
            return opened
        if letter.is_row or not isinstance(self._converter, RegistryConverter):
            self._compare(opened, self._open_json(opened, letter.value), plain=True)
            return opened
        found = self._open_framed(opened, letter)
        if found is not None or not isinstance(self._converter, JsonSchemaConverter) or letter.schema_id is None:
            self._compare(opened, found, plain=False)
        else:
            # What its schema refuses, or nobody registered a schema for, may be JSON all the same.
            why = opened.fault
            found = self._open_json(opened, letter.value[HEADER_SIZE:])
            opened.fault = why
            self._compare(opened, found, plain=True)
        return opened

    def _open_json(self, opened: Inspection, value: bytes) -> pa.Field | None:
        try:
            content = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            opened.fault, opened.unread = f"it is not JSON: {error}.", _hex(value)
            return None
        opened.values = content if isinstance(content, dict) else {"value": content}
        run = next(iter(inferred_runs([content])))
        return pa.field("value", run.values.type) if isinstance(run, InferredRun) else None

    def _open_framed(self, opened: Inspection, letter: DeadLetter) -> pa.Field | None:
        assert letter.value is not None
        decoded = self._converter.decode(letter.topic, pa.array([letter.value], pa.binary()))
        for run in decoded.runs:
            opened.values = orjson.loads(row_json(run.values, 0) or b"null")
            if not isinstance(opened.values, dict):
                opened.values = {"value": opened.values}
            return run.field
        opened.fault = decoded.faults[0].message if decoded.faults else "it can not be decoded."
        opened.unread = _hex(letter.value)
        return self._open_partially(opened, letter)

    def _open_partially(self, opened: Inspection, letter: DeadLetter) -> pa.Field | None:
        if letter.schema_id is None or letter.value is None or not isinstance(self._converter, AvroConverter):
            return None
        try:
            parsed = self._converter.parsed(self._registry.get_by_id(letter.schema_id))
        except FatalError:
            return None
        partial = decode_partially(parsed, letter.value)
        if partial.fault:
            opened.fault, opened.unread = partial.fault, _hex(partial.rest)
        opened.values = {name: _plain(value) for name, value in partial.values.items()}
        return arrow_field(parsed, "value")

    def _compare(self, opened: Inspection, found: pa.Field | None, *, plain: bool) -> None:
        letter = opened.letter
        type_ = None if found is None else found.type
        if type_ is not None:
            opened.found = _fields(type_)
        if not isinstance(self._converter, RegistryConverter) or not letter.topic:
            return
        record = _name(found) or self._record_name(letter)
        opened.subject = subject_name(
            self._strategy, letter.topic, record if self._strategy != STRATEGIES[0] else "", is_key=False
        )
        expected = self._expected.nearest(
            self._converter, opened.subject, type_, record=record, but=letter.schema_id, path=letter.path
        )
        if expected is None:
            return
        opened.expected_version = expected.registered.version
        if expected.field is not None:
            opened.expected = _fields(expected.field.type)
            if type_ is not None:
                opened.differences = differences(type_, expected.field.type, plain=plain)

    def _record_name(self, letter: DeadLetter) -> str:
        """Of the first type of the schema that the letter names; empty if there is none."""
        if not isinstance(self._converter, RegistryConverter) or letter.schema_id is None:
            return ""
        try:
            form = self._converter.form(self._registry.get_by_id(letter.schema_id))
        except FatalError:
            return ""
        return _name(form)


def _name(field: pa.Field | None) -> str:
    """Full name of a field's record type; empty if it is not known."""
    return "" if field is None else (field.metadata or {}).get(SCHEMA_NAME, b"").decode()


def _fields(type_: pa.DataType, prefix: str = "") -> dict[str, str]:
    if not pa.types.is_struct(type_):
        return {prefix.rstrip(".") or "value": str(type_)}
    found: dict[str, str] = {}
    for each in type_:
        if pa.types.is_struct(each.type):
            found |= _fields(each.type, f"{prefix}{each.name}.")
        else:
            found[f"{prefix}{each.name}"] = str(each.type) + ("" if each.nullable else " not null")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    try:
        orjson.dumps(value)
    except TypeError:
        return repr(value)
    return value


def _hex(data: bytes) -> str:
    shown = data[:_HEX_BYTES].hex(" ")
    return shown if len(data) <= _HEX_BYTES else f"{shown} … ({len(data)} bytes)"
