"""What converters with a schema registry share: subjects, registration, ids, the wire format around the data."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from tidegate.converters.base import Converter, Decoded, DecodedRun, Encoded
from tidegate.converters.options import boolean, choice
from tidegate.converters.schema_runs import schema_runs
from tidegate.converters.subject_name import STRATEGIES, subject_name
from tidegate.errors import ConfigError, ConfigProblem, FatalError
from tidegate.records.codec import DatumFault, EncodedColumn, SchemaMismatchError
from tidegate.records.envelope import SCHEMA_ID
from tidegate.records.faults import RecordFault, Stage
from tidegate.records.reason import Reason, Rule
from tidegate.records.schema_error import UnusableSchemaError
from tidegate.records.wire_format import header
from tidegate.registry_client import (
    IncompatibleSchemaError,
    InvalidSchemaError,
    RegistryClient,
    Schema,
    SchemaNotFoundError,
    SchemaType,
)

UNKNOWN_ID_SECONDS = 30.0
"""How long an id the registry did not know is not asked for again."""
DATA_EXCEPTION = "DataException"
"""Error name of records that are not what their schema says."""


@dataclass(frozen=True, slots=True)
class OwnSchema:
    """The schema that stands for a column's type.

    Args:
        schema: its text, and what it refers to.
        record: full name of its record type, for subject names.
    """

    schema: Schema
    record: str


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """Data of one type.

    Args:
        field: type and metadata of the values.
        rows: int32 array of indexes into the data, ascending.
        values: as many values.
    """

    field: pa.Field
    rows: pa.Array
    values: pa.Array


@dataclass(frozen=True, slots=True)
class ReadColumns:
    """What was read of data written with one schema.

    Args:
        columns: of one type in most languages; where a schema holds several types, runs in row order.
        faults: the other rows, ascending.
    """

    columns: Sequence[ReadColumn]
    faults: Sequence[DatumFault] = ()


class Writer(ABC):
    """Writes columns of one type with one schema."""

    @abstractmethod
    def write(self, column: pa.Array, prefix: bytes) -> EncodedColumn:
        """Encodes n values.

        Args:
            column: of the type the writer was made for.
            prefix: the wire format's header, put before every datum.
        """


class Reader(ABC):
    """Reads data of one schema."""

    @abstractmethod
    def read(self, data: pa.Array) -> ReadColumns:
        """Decodes n messages, each with the wire format's header; null stays null."""


@dataclass(frozen=True, slots=True)
class _Target:
    """How columns of one type are written to a topic."""

    prefix: bytes
    writer: Writer


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Why no data of a schema id can be read, and until when that stands."""

    exception: str
    message: str
    until: float


class RegistryConverter(Converter):
    """Writes data under a subject's schema, and reads whatever schema of its language a message names.

    What the abstract methods raise as UnusableSchemaError or SchemaMismatchError halts records, not the task.
    """

    language: ClassVar[SchemaType]
    """The registry's name of the language."""
    name: ClassVar[str]
    """The converter's name in configurations."""

    def __init__(self) -> None:
        self._targets: dict[tuple[str, bytes], _Target] = {}
        self._readers: dict[int, Reader] = {}
        self._of_subject: set[tuple[str, int]] = set()
        self._unreadable: dict[tuple[str, int], _Unreadable] = {}

    @abstractmethod
    def own_schema(self, topic: str, field: pa.Field) -> OwnSchema:
        """The schema of a column's type."""

    @abstractmethod
    def writer(self, schema: Schema, field: pa.Field, topic: str) -> Writer:
        """A writer of a column into a schema."""

    @abstractmethod
    def reader(self, schema: Schema) -> Reader:
        """A reader of data written with a schema."""

    @abstractmethod
    def form(self, schema: Schema, record: str = "") -> pa.Field | None:
        """The field that values written with a schema become.

        Args:
            schema: of this language.
            record: name of the record type that is meant, where a schema may hold several; its first one otherwise.

        Returns:
            None where the schema leaves it to each value.

        Raises:
            FatalError: the schema is of another language, is not valid, or what it refers to is gone.
        """

    def configure(self, config: Mapping[str, str], *, is_key: bool, registry: RegistryClient | None) -> None:
        """See the base class; ``docs/converters.md`` lists the keys."""
        if registry is None:
            raise ConfigError(
                [ConfigProblem("schema.registry.url", f"missing; the {self.name} converter needs a schema registry")]
            )
        self.registry = registry
        self.is_key = is_key
        self.side = "key" if is_key else "value"
        self._stage = Stage.KEY_CONVERTER if is_key else Stage.VALUE_CONVERTER
        self.auto_register = boolean(config, "auto.register.schemas", True)
        self._use_latest = boolean(config, "use.latest.version", False)
        if self.auto_register and self._use_latest and "auto.register.schemas" in config:
            raise ConfigError(
                [ConfigProblem("use.latest.version", "true needs auto.register.schemas=false: set one of the two")]
            )
        self._validate = boolean(config, "schema.validation", True)
        keys = (f"{self.side}.subject.name.strategy", "subject.name.strategy")
        self._strategy = choice(config, keys, STRATEGIES)

    def encode(self, topic: str, column: pa.Array, field: pa.Field) -> Encoded:
        """See the base class."""
        if column.null_count == len(column):
            return Encoded(pa.nulls(len(column), pa.binary()))
        try:
            target = self._target(topic, field)
        except (IncompatibleSchemaError, InvalidSchemaError, SchemaNotFoundError) as error:
            return self._refused(column, type(error).__name__, str(error))
        except (UnusableSchemaError, SchemaMismatchError) as error:
            return self._refused(column, DATA_EXCEPTION, str(error))
        encoded = target.writer.write(column, target.prefix)
        return Encoded(encoded.data, self._faults(encoded.faults))

    def _refused(self, column: pa.Array, exception: str, message: str) -> Encoded:
        rows = [row for row, valid in enumerate(column.is_valid().to_pylist()) if valid]
        return Encoded(
            pa.nulls(len(column), pa.binary()), [RecordFault(row, self._stage, exception, message) for row in rows]
        )

    def _faults(self, faults: Sequence[DatumFault]) -> list[RecordFault]:
        return [RecordFault(fault.row, self._stage, DATA_EXCEPTION, fault.message) for fault in faults]

    def _target(self, topic: str, field: pa.Field) -> _Target:
        key = (topic, pa.schema([field]).serialize().to_pybytes())
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = self._resolve(topic, field)
        return target

    def _resolve(self, topic: str, field: pa.Field) -> _Target:
        own = self.own_schema(topic, field)
        subject = subject_name(self._strategy, topic, own.record, is_key=self.is_key)
        schema = own.schema
        if self._use_latest:
            latest = self.registry.latest(subject)
            schema, schema_id = self._of_language(latest.schema), latest.id
        elif self.auto_register:
            schema_id = self.registry.register(subject, schema)
        else:
            schema_id = self._looked_up(subject, schema)
        return _Target(header(schema_id), self.writer(schema, field, topic))

    def _looked_up(self, subject: str, schema: Schema) -> int:
        try:
            return self.registry.lookup(subject, schema).id
        except SchemaNotFoundError as error:
            raise SchemaNotFoundError(
                f"The schema of the {self.side} is not registered under subject {subject}, "
                "and auto.register.schemas is false.",
                remedy="Register it first, or set use.latest.version=true to write with the registered one.",
            ) from error

    def decode(self, topic: str, data: pa.Array) -> Decoded:
        """See the base class."""
        split = schema_runs(data)
        faults = [
            RecordFault(row, self._stage, "WireFormatError", Reason(message, Rule.GARBAGE))
            for row, message in split.faults
        ]
        runs: list[DecodedRun] = []
        for run in split.runs:
            rows = run.rows
            some = data if len(rows) == len(data) else data.take(rows)
            if run.schema_id is None:
                runs.append(DecodedRun(rows, pa.nulls(len(rows)), pa.field(self.side, pa.null())))
                continue
            reader = self._reader(topic, run.schema_id)
            if isinstance(reader, _Unreadable):
                faults.extend(
                    RecordFault(row, self._stage, reader.exception, reader.message)
                    for row in rows.filter(some.is_valid()).to_pylist()
                )
                nulls = rows.filter(some.is_null())
                if len(nulls):
                    runs.append(DecodedRun(nulls, pa.nulls(len(nulls)), pa.field(self.side, pa.null())))
                continue
            read = reader.read(some)
            faults.extend(
                RecordFault(rows[fault.row].as_py(), self._stage, DATA_EXCEPTION, Reason(fault.message, Rule.GARBAGE))
                for fault in read.faults
            )
            runs.extend(
                DecodedRun(rows.take(column.rows), column.values, self._named(column.field, run.schema_id))
                for column in read.columns
                if len(column.rows)
            )
        return Decoded(runs, sorted(faults, key=lambda fault: fault.row))

    def _reader(self, topic: str, schema_id: int) -> Reader | _Unreadable:
        known = self._readers.get(schema_id)
        if known is not None and (not self._validate or (topic, schema_id) in self._of_subject):
            return known
        unreadable = self._unreadable.get((topic, schema_id))
        if unreadable is not None and time.monotonic() < unreadable.until:
            return unreadable
        try:
            schema = self._of_language(self.registry.get_by_id(schema_id))
            foreign = self._foreign(topic, schema_id, schema)
            if foreign is not None:
                return self._kept(topic, schema_id, "SchemaValidationException", foreign)
            reader = known or self.reader(schema)
        except SchemaNotFoundError as error:
            rule = Rule.UNKNOWN_ID
            message = f"The {self.side} names schema id {schema_id}, and it can not be read: {error}"
            return self._kept(topic, schema_id, type(error).__name__, Reason(message, rule))
        except FatalError as error:
            message = f"The {self.side} names schema id {schema_id}, and it can not be read: {error}"
            return self._kept(topic, schema_id, type(error).__name__, message)
        self._unreadable.pop((topic, schema_id), None)
        self._readers[schema_id] = reader
        self._of_subject.add((topic, schema_id))
        return reader

    def _kept(self, topic: str, schema_id: int, exception: str, message: str) -> _Unreadable:
        found = _Unreadable(exception, message, time.monotonic() + UNKNOWN_ID_SECONDS)
        self._unreadable[(topic, schema_id)] = found
        return found

    def _foreign(self, topic: str, schema_id: int, schema: Schema) -> Reason | None:
        """Why a schema is none of the topic's; None if it is, or if the registry has no subject for the topic."""
        if not self._validate or self._strategy != STRATEGIES[0]:
            return None
        subject = subject_name(self._strategy, topic, "", is_key=self.is_key)
        try:
            self.registry.latest(subject)
        except SchemaNotFoundError:
            # The topic's producers follow another strategy, or it is a mirror under another name.
            return None
        try:
            self.registry.lookup(subject, schema, include_deleted=True)
        except SchemaNotFoundError:
            return Reason(
                f"The {self.side} names schema id {schema_id}, which is not registered under subject {subject}: it was "
                f"written for another topic, or with another subject name strategy (set {self.side}.converter."
                f"{self.side}.subject.name.strategy, or {self.side}.converter.schema.validation=false).",
                Rule.WRONG_SUBJECT,
            )
        return None

    def _of_language(self, schema: Schema) -> Schema:
        if schema.type != self.language:
            article = "an" if self.language == "AVRO" else "a"
            wanted = {"AVRO": "Avro", "PROTOBUF": "Protobuf", "JSON": "JSON Schema"}[self.language]
            raise UnusableSchemaError(
                f"it is a {schema.type} schema, not {article} {wanted} one.",
                remedy="Use the converter for that language.",
            )
        return schema

    def _named(self, field: pa.Field, schema_id: int) -> pa.Field:
        named = field.with_name(self.side).with_nullable(True)
        return named.with_metadata({**(field.metadata or {}), SCHEMA_ID: str(schema_id).encode()})

    def referenced(self, schema: Schema) -> dict[str, Schema]:
        """The schemas a schema refers to, by the name it is referred to, each after those it refers to itself."""
        found: dict[str, Schema] = {}
        seen: set[tuple[str, int]] = set()

        def visit(one: Schema) -> None:
            for reference in one.references:
                key = (reference.subject, reference.version)
                if key not in seen:
                    seen.add(key)
                    inner = self.registry.version(*key).schema
                    visit(inner)
                    found[reference.name] = inner

        visit(schema)
        return found
