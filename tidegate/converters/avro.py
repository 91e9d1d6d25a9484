"""The Avro converter: Confluent's wire format, schemas in the registry."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from tidegate.converters.base import Converter, Decoded, DecodedRun, Encoded
from tidegate.converters.options import boolean, choice
from tidegate.converters.schema_runs import schema_runs
from tidegate.converters.subject_name import STRATEGIES, subject_name
from tidegate.errors import ConfigError, ConfigProblem, FatalError
from tidegate.records.arrow_to_avro import avro_schema
from tidegate.records.avro_codec import avro_codec
from tidegate.records.avro_names import record_name
from tidegate.records.avro_schema import AvroSchemaError, AvroType, parse_schema
from tidegate.records.avro_to_arrow import arrow_field
from tidegate.records.codec import AvroCodec, ColumnDecoder, ColumnEncoder, SchemaMismatchError
from tidegate.records.envelope import SCHEMA_ID
from tidegate.records.faults import RecordFault, Stage
from tidegate.records.wire_format import HEADER_SIZE, header
from tidegate.registry_client import (
    IncompatibleSchemaError,
    InvalidSchemaError,
    RegistryClient,
    Schema,
    SchemaNotFoundError,
)

AVRO: Final = "AVRO"
"""The registry's name of the language."""
UNKNOWN_ID_SECONDS = 30.0
"""How long an id the registry did not know is not asked for again."""
DATA_EXCEPTION = "DataException"
"""Error name of records that are not what their schema says."""


@dataclass(frozen=True, slots=True)
class _Target:
    """How columns of one type are written to a topic."""

    prefix: bytes
    encoder: ColumnEncoder


@dataclass(frozen=True, slots=True)
class _Origin:
    """How data of one schema id is read."""

    field: pa.Field
    decoder: ColumnDecoder


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Why no data of a schema id can be read, and until when that stands."""

    exception: str
    message: str
    until: float


class AvroConverter(Converter):
    """Writes Avro under the subject's schema and reads whatever Avro schema a message names.

    Args:
        codec: what writes and reads the data.
    """

    def __init__(self, codec: AvroCodec | None = None) -> None:
        self._codec: AvroCodec = codec or avro_codec()
        self._targets: dict[tuple[str, bytes], _Target] = {}
        self._origins: dict[int, _Origin] = {}
        self._unreadable: dict[int, _Unreadable] = {}

    def configure(self, config: Mapping[str, str], *, is_key: bool, registry: RegistryClient | None) -> None:
        """See the base class; ``docs/converters.md`` lists the keys."""
        if registry is None:
            raise ConfigError(
                [ConfigProblem("schema.registry.url", "missing; the avro converter needs a schema registry")]
            )
        self._registry = registry
        self._is_key = is_key
        self._side = "key" if is_key else "value"
        self._stage = Stage.KEY_CONVERTER if is_key else Stage.VALUE_CONVERTER
        self._auto_register = boolean(config, "auto.register.schemas", True)
        self._use_latest = boolean(config, "use.latest.version", False)
        if self._auto_register and self._use_latest and "auto.register.schemas" in config:
            raise ConfigError(
                [ConfigProblem("use.latest.version", "true needs auto.register.schemas=false: set one of the two")]
            )
        keys = (f"{self._side}.subject.name.strategy", "subject.name.strategy")
        self._strategy = choice(config, keys, STRATEGIES)

    def encode(self, topic: str, column: pa.Array, field: pa.Field) -> Encoded:
        """See the base class."""
        if column.null_count == len(column):
            return Encoded(pa.nulls(len(column), pa.binary()))
        try:
            target = self._target(topic, field)
        except (AvroSchemaError, SchemaMismatchError) as error:
            return self._refused(column, DATA_EXCEPTION, str(error))
        except (IncompatibleSchemaError, InvalidSchemaError, SchemaNotFoundError) as error:
            return self._refused(column, type(error).__name__, str(error))
        encoded = target.encoder.encode(column, target.prefix)
        faults = [RecordFault(fault.row, self._stage, DATA_EXCEPTION, fault.message) for fault in encoded.faults]
        return Encoded(encoded.data, faults)

    def _refused(self, column: pa.Array, exception: str, message: str) -> Encoded:
        rows = [row for row, valid in enumerate(column.is_valid().to_pylist()) if valid]
        return Encoded(
            pa.nulls(len(column), pa.binary()), [RecordFault(row, self._stage, exception, message) for row in rows]
        )

    def _target(self, topic: str, field: pa.Field) -> _Target:
        key = (topic, pa.schema([field]).serialize().to_pybytes())
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = self._resolve(topic, field)
        return target

    def _resolve(self, topic: str, field: pa.Field) -> _Target:
        text = avro_schema(field, record_name(topic, is_key=self._is_key))
        schema = parse_schema(text)
        subject = subject_name(self._strategy, topic, schema, is_key=self._is_key)
        if self._use_latest:
            latest = self._registry.latest(subject)
            schema = self._parsed(latest.schema)
            schema_id = latest.id
        elif self._auto_register:
            schema_id = self._registry.register(subject, Schema(AVRO, text))
        else:
            schema_id = self._looked_up(subject, text)
        return _Target(header(schema_id), self._codec.encoder(schema, field))

    def _looked_up(self, subject: str, text: str) -> int:
        try:
            return self._registry.lookup(subject, Schema(AVRO, text)).id
        except SchemaNotFoundError as error:
            raise SchemaNotFoundError(
                f"The schema of the {self._side} is not registered under subject {subject}, "
                "and auto.register.schemas is false.",
                remedy="Register it first, or set use.latest.version=true to write with the registered one.",
            ) from error

    def decode(self, topic: str, data: pa.Array) -> Decoded:
        """See the base class."""
        split = schema_runs(data)
        faults = [RecordFault(row, self._stage, "WireFormatError", message) for row, message in split.faults]
        runs: list[DecodedRun] = []
        for run in split.runs:
            rows = run.rows
            some = data if len(rows) == len(data) else data.take(rows)
            if run.schema_id is None:
                runs.append(DecodedRun(rows, pa.nulls(len(rows)), pa.field(self._side, pa.null())))
                continue
            origin = self._origin(run.schema_id)
            if isinstance(origin, _Unreadable):
                faults.extend(
                    RecordFault(row, self._stage, origin.exception, origin.message)
                    for row in rows.filter(some.is_valid()).to_pylist()
                )
                nulls = rows.filter(some.is_null())
                if len(nulls):
                    runs.append(DecodedRun(nulls, pa.nulls(len(nulls)), pa.field(self._side, pa.null())))
                continue
            decoded = origin.decoder.decode(some, HEADER_SIZE)
            faults.extend(
                RecordFault(rows[fault.row].as_py(), self._stage, DATA_EXCEPTION, fault.message)
                for fault in decoded.faults
            )
            if len(decoded.rows):
                runs.append(DecodedRun(rows.take(decoded.rows), decoded.values, origin.field))
        return Decoded(runs, sorted(faults, key=lambda fault: fault.row))

    def _origin(self, schema_id: int) -> _Origin | _Unreadable:
        known = self._origins.get(schema_id)
        if known is not None:
            return known
        unreadable = self._unreadable.get(schema_id)
        if unreadable is not None and time.monotonic() < unreadable.until:
            return unreadable
        try:
            schema = self._parsed(self._registry.get_by_id(schema_id))
        except FatalError as error:
            until = time.monotonic() + UNKNOWN_ID_SECONDS
            message = f"The {self._side} names schema id {schema_id}, and it can not be read: {error}"
            found = _Unreadable(type(error).__name__, message, until)
            self._unreadable[schema_id] = found
            return found
        self._unreadable.pop(schema_id, None)
        origin = _Origin(self._field(schema, schema_id), self._codec.decoder(schema))
        self._origins[schema_id] = origin
        return origin

    def _field(self, schema: AvroType, schema_id: int) -> pa.Field:
        field = arrow_field(schema, self._side).with_nullable(True)
        return field.with_metadata({**(field.metadata or {}), SCHEMA_ID: str(schema_id).encode()})

    def _parsed(self, schema: Schema) -> AvroType:
        if schema.type != AVRO:
            raise AvroSchemaError(
                f"it is a {schema.type} schema, not an Avro one.", remedy="Use the converter for that language."
            )
        return parse_schema(schema.text, self._referenced(schema))

    def _referenced(self, schema: Schema) -> list[str]:
        """Texts of the schemas a schema refers to, each after those it refers to itself."""
        texts: dict[tuple[str, int], str] = {}

        def visit(one: Schema) -> None:
            for reference in one.references:
                key = (reference.subject, reference.version)
                if key not in texts:
                    inner = self._registry.version(*key).schema
                    visit(inner)
                    texts[key] = inner.text

        visit(schema)
        return list(texts.values())
