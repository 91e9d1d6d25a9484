"""The JSON Schema converter: Confluent's wire format around JSON, schemas in the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import orjson
import pyarrow as pa

from tidegate.converters.connect_payload import PayloadReader, payload_reader
from tidegate.converters.connect_schema import arrow_field, connect_schema
from tidegate.converters.json_inference import InferredRun, inferred_runs
from tidegate.converters.json_schema_check import Check, json_schema_check
from tidegate.converters.json_schema_text import json_schema
from tidegate.converters.json_schema_types import JsonSchemaTypes, NoConnectSchemaError
from tidegate.converters.json_values import json_values
from tidegate.converters.options import boolean, choice, nulls_stay
from tidegate.converters.registry_converter import (
    OwnSchema,
    ReadColumn,
    ReadColumns,
    Reader,
    RegistryConverter,
    Writer,
)
from tidegate.records.avro_names import record_name
from tidegate.records.codec import DatumError, DatumFault, EncodedColumn, SchemaMismatchError
from tidegate.records.envelope import SCHEMA_NAME, SCHEMALESS
from tidegate.records.schema_error import UnusableSchemaError
from tidegate.records.wire_format import HEADER_SIZE
from tidegate.registry_client import RegistryClient, Schema, SchemaType


class JsonSchemaConverter(RegistryConverter):
    """Writes and reads JSON whose schemas are JSON Schema documents."""

    language: ClassVar[SchemaType] = "JSON"
    name: ClassVar[str] = "jsonschema"

    def configure(self, config: Mapping[str, str], *, is_key: bool, registry: RegistryClient | None) -> None:
        """See the base class."""
        super().configure(config, is_key=is_key, registry=registry)
        self._numeric = choice(config, ["decimal.format"], ["BASE64", "NUMERIC"]) == "NUMERIC"
        nulls_stay(config, "ignore.default.for.nullables", value=True)
        self._strict = boolean(config, "json.fail.invalid.schema", False)

    def own_schema(self, topic: str, field: pa.Field) -> OwnSchema:
        """See the base class."""
        document = {
            "$schema": "http://json-schema.org/draft-07/schema#",
            **json_schema(
                connect_schema(field.with_nullable(False), numeric_decimals=self._numeric),
                numeric_decimals=self._numeric,
            ),
        }
        if pa.types.is_struct(field.type):
            metadata = field.metadata or {}
            document["title"] = metadata.get(SCHEMA_NAME, record_name(topic, is_key=self.is_key).encode()).decode()
        return OwnSchema(Schema("JSON", orjson.dumps(document).decode()), document.get("title", document["type"]))

    def writer(self, schema: Schema, field: pa.Field, topic: str) -> Writer:
        """See the base class."""
        document = _parsed(schema)
        if pa.types.is_struct(field.type) and isinstance(document, dict):
            names = {child.name for child in field.type}
            for name in document.get("required", []):
                if name not in names:
                    raise SchemaMismatchError(f"Field {name} is required by the schema, and the records have none.")
        return _JsonSchemaWriter(self._numeric, self._check(schema, document) if self._strict else None)

    def reader(self, schema: Schema) -> Reader:
        """See the base class."""
        check = self._check(schema, _parsed(schema)) if self._strict else None
        connect = self._connect(schema)
        if connect is None:
            return _FreeReader(self.side, check)
        field = arrow_field(connect, self.side).with_nullable(True)
        return _JsonSchemaReader(field, payload_reader(field), check)

    def form(self, schema: Schema, record: str = "") -> pa.Field | None:
        """See the base class."""
        connect = self._connect(self._of_language(schema))
        return None if connect is None else arrow_field(connect, self.side)

    def _connect(self, schema: Schema) -> dict[str, Any] | None:
        imported = {name: _parsed(one) for name, one in self.referenced(schema).items()}
        try:
            return JsonSchemaTypes(_parsed(schema), imported).connect_schema()
        except NoConnectSchemaError:
            return None

    def _check(self, schema: Schema, document: Any) -> Check:
        return json_schema_check(document, {name: _parsed(one) for name, one in self.referenced(schema).items()})


class _JsonSchemaWriter(Writer):
    def __init__(self, numeric: bool, check: Check | None) -> None:
        self._numeric = numeric
        self._check = check

    def write(self, column: pa.Array, prefix: bytes) -> EncodedColumn:
        data: list[bytes | None] = []
        faults: list[DatumFault] = []
        for row, value in enumerate(json_values(column, numeric_decimals=self._numeric)):
            if value is None:
                data.append(None)
                continue
            try:
                text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
            except orjson.JSONEncodeError as error:
                data.append(None)
                faults.append(DatumFault(row, f"The record can not be written as JSON: {error}."))
                continue
            problem = self._check(orjson.loads(text)) if self._check else None
            data.append(None if problem else prefix + text)
            if problem:
                faults.append(DatumFault(row, problem))
        return EncodedColumn(pa.array(data, pa.binary()), faults)


class _JsonSchemaReader(Reader):
    def __init__(self, field: pa.Field, read: PayloadReader, check: Check | None) -> None:
        self._field = field
        self._read = read
        self._check = check

    def read(self, data: pa.Array) -> ReadColumns:
        rows: list[int] = []
        values: list[Any] = []
        faults: list[DatumFault] = []
        for row, value, problem in _opened(data, self._check):
            if problem is None:
                try:
                    values.append(self._read(value))
                    rows.append(row)
                    continue
                except DatumError as error:
                    problem = str(error)
            faults.append(DatumFault(row, problem))
        column = ReadColumn(self._field, pa.array(rows, pa.int32()), pa.array(values, self._field.type))
        return ReadColumns([column], faults)


class _FreeReader(Reader):
    """Reads JSON whose schema tells no one type: types are inferred, as without a schema."""

    def __init__(self, name: str, check: Check | None) -> None:
        self._name = name
        self._check = check

    def read(self, data: pa.Array) -> ReadColumns:
        rows: list[int] = []
        values: list[Any] = []
        faults: list[DatumFault] = []
        for row, value, problem in _opened(data, self._check):
            if problem is None:
                rows.append(row)
                values.append(value)
            else:
                faults.append(DatumFault(row, problem))
        columns: list[ReadColumn] = []
        for found in inferred_runs(values):
            if isinstance(found, InferredRun):
                some = rows[found.start : found.start + len(found.values)]
                field = pa.field(self._name, found.values.type, metadata={SCHEMALESS: b"true"})
                columns.append(ReadColumn(field, pa.array(some, pa.int32()), found.values))
            else:
                faults.append(DatumFault(rows[found.index], found.message))
        return ReadColumns(columns, sorted(faults, key=lambda fault: fault.row))


def _opened(data: pa.Array, check: Check | None) -> Iterator[tuple[int, Any, str | None]]:
    """Row, value and problem of each message."""
    for row, message in enumerate(data.to_pylist()):
        if message is None:
            yield row, None, None
            continue
        try:
            value = orjson.loads(message[HEADER_SIZE:])
        except orjson.JSONDecodeError as error:
            yield row, None, f"The record is not JSON: {error}."
            continue
        yield row, value, check(value) if check else None


def _parsed(schema: Schema) -> Any:
    try:
        return orjson.loads(schema.text)
    except orjson.JSONDecodeError as error:
        raise UnusableSchemaError(f"The schema is not JSON: {error}.") from None
