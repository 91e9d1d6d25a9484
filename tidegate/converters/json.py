"""The JSON converter: one JSON text a record, with or without its schema, as Kafka Connect's JsonConverter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from tidegate.converters.base import Converter, Decoded, DecodedRun, Encoded
from tidegate.converters.connect_payload import PayloadReader, payload_reader
from tidegate.converters.connect_schema import ConnectSchemaError, arrow_field, connect_schema
from tidegate.converters.declared_schema import declared_schema
from tidegate.converters.json_inference import InferredRun, inferred_runs
from tidegate.converters.json_values import json_values
from tidegate.converters.options import boolean, choice, nulls_stay
from tidegate.records.codec import DatumError
from tidegate.records.envelope import SCHEMALESS
from tidegate.records.faults import RecordFault, Stage
from tidegate.records.json_columns import connect_texts, read_inferred

if TYPE_CHECKING:
    from tidegate.registry_client import RegistryClient

_EXCEPTION = "DataException"
_MAX_SCHEMAS = 1000


@dataclass(frozen=True, slots=True)
class _Shape:
    """How payloads of one schema are read."""

    column: pa.Field
    read: PayloadReader


@dataclass(slots=True)
class _Run:
    """Rows of one shape that have been read so far."""

    shape: _Shape | None
    rows: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)


class JsonConverter(Converter):
    """Writes and reads JSON; with ``schemas.enable`` each message is an object of ``schema`` and ``payload``.

    With a declared schema messages are read as payloads of it, whatever ``schemas.enable`` says.
    """

    def __init__(self) -> None:
        self._shapes: dict[bytes, _Shape] = {}

    def configure(self, config: Mapping[str, str], *, is_key: bool, registry: RegistryClient | None) -> None:
        """See the base class; ``docs/converters.md`` lists the keys."""
        self._side = "key" if is_key else "value"
        self._stage = Stage.KEY_CONVERTER if is_key else Stage.VALUE_CONVERTER
        self._schemas = boolean(config, "schemas.enable", True)
        self._numeric = choice(config, ["decimal.format"], ["BASE64", "NUMERIC"]) == "NUMERIC"
        nulls_stay(config, "replace.null.with.default", value=False)
        self._declared = declared_schema(config, self._side, registry)

    def encode(self, topic: str, column: pa.Array, field: pa.Field) -> Encoded:
        """See the base class."""
        if column.null_count == len(column):
            return Encoded(pa.nulls(len(column), pa.binary()))
        before, after = b"", b""
        if self._schemas:
            try:
                schema = connect_schema(field.with_nullable(False), numeric_decimals=self._numeric)
            except ConnectSchemaError as error:
                rows = [row for row, valid in enumerate(column.is_valid().to_pylist()) if valid]
                return Encoded(pa.nulls(len(column), pa.binary()), [self._fault(row, str(error)) for row in rows])
            before, after = b'{"schema":' + orjson.dumps(schema) + b',"payload":', b"}"
        texts = None if self._numeric else connect_texts(column, before, after)
        if texts is not None:
            return Encoded(texts)
        data: list[bytes | None] = []
        faults: list[RecordFault] = []
        for row, value in enumerate(json_values(column, numeric_decimals=self._numeric)):
            try:
                data.append(None if value is None else before + orjson.dumps(value, option=_OPTIONS) + after)
            except orjson.JSONEncodeError as error:
                data.append(None)
                faults.append(self._fault(row, f"The {self._side} can not be written as JSON: {error}."))
        return Encoded(pa.array(data, pa.binary()), faults)

    def decode(self, topic: str, data: pa.Array) -> Decoded:
        """See the base class."""
        if self._declared is not None:
            found = self._declared.decode(data)
            runs = [DecodedRun(found.rows, found.values, self._declared.field)] if len(found.rows) else []
            return Decoded(runs, [self._fault(fault.row, fault.message) for fault in found.faults])
        return (None if self._schemas else self._at_once(data)) or self._one_by_one(data)

    def _at_once(self, data: pa.Array) -> Decoded | None:
        """All plain objects of one form as columns; None if any other is among them."""
        found = read_inferred(data)
        if found is None:
            return None
        faults: list[RecordFault] = []
        for row in found.left:
            fault = self._not_json(row, data[row].as_py())
            if fault is None:
                return None
            faults.append(fault)
        rows = np.delete(np.arange(len(data), dtype=np.int32), found.left)
        column = pa.field(self._side, found.values.type)
        return Decoded([DecodedRun(pa.array(rows), found.values, column)], faults)

    def _not_json(self, row: int, message: bytes) -> RecordFault | None:
        try:
            orjson.loads(message)
        except orjson.JSONDecodeError as error:
            return self._fault(row, f"The {self._side} is not JSON: {error}.")
        return None

    def _one_by_one(self, data: pa.Array) -> Decoded:
        rows: list[int] = []
        values: list[Any] = []
        faults: list[RecordFault] = []
        for row, message in enumerate(data.to_pylist()):
            try:
                values.append(None if message is None else orjson.loads(message))
                rows.append(row)
            except orjson.JSONDecodeError as error:
                faults.append(self._fault(row, f"The {self._side} is not JSON: {error}."))
        if not rows:
            return Decoded([], faults)
        runs = self._with_schema(rows, values, faults) if self._schemas else self._inferred(rows, values, faults)
        return Decoded(list(runs), sorted(faults, key=lambda fault: fault.row))

    def _inferred(self, rows: list[int], values: list[Any], faults: list[RecordFault]) -> Iterator[DecodedRun]:
        for found in inferred_runs(values):
            if isinstance(found, InferredRun):
                some = rows[found.start : found.start + len(found.values)]
                column = pa.field(self._side, found.values.type, metadata={SCHEMALESS: b"true"})
                yield DecodedRun(pa.array(some, pa.int32()), found.values, column)
            else:
                faults.append(self._fault(rows[found.index], found.message))

    def _with_schema(self, rows: list[int], values: list[Any], faults: list[RecordFault]) -> Iterator[DecodedRun]:
        runs: list[_Run] = []
        for row, message in zip(rows, values, strict=True):
            try:
                shape, value = self._opened(message)
            except (ConnectSchemaError, DatumError) as error:
                faults.append(self._fault(row, str(error)))
                continue
            if not runs or (shape is not None and runs[-1].shape not in (None, shape)):
                runs.append(_Run(shape))
            run = runs[-1]
            run.shape = shape if run.shape is None else run.shape
            run.rows.append(row)
            run.values.append(value)
        for run in runs:
            column = run.shape.column if run.shape else pa.field(self._side, pa.null())
            yield DecodedRun(pa.array(run.rows, pa.int32()), pa.array(run.values, column.type), column)

    def _opened(self, message: Any) -> tuple[_Shape | None, Any]:
        """Shape and value of a parsed message; no shape for null."""
        if message is None:
            return None, None
        if not isinstance(message, dict) or message.keys() != {"schema", "payload"}:
            raise DatumError(
                "",
                'is not an object of exactly "schema" and "payload", as schemas.enable=true wants; '
                "set schemas.enable=false to read plain JSON",
            )
        if message["payload"] is None:
            return None, None
        if message["schema"] is None:
            raise DatumError("", "has a payload without a schema; set schemas.enable=false to read plain JSON")
        shape = self._shape(message["schema"])
        return shape, shape.read(message["payload"])

    def _shape(self, schema: Any) -> _Shape:
        key = orjson.dumps(schema)
        shape = self._shapes.get(key)
        if shape is None:
            column = arrow_field(schema, self._side).with_nullable(True)
            shape = _Shape(column, payload_reader(column))
            if len(self._shapes) >= _MAX_SCHEMAS:
                self._shapes.clear()
            self._shapes[key] = shape
        return shape

    def _fault(self, row: int, message: str) -> RecordFault:
        return RecordFault(row, self._stage, _EXCEPTION, message)


_OPTIONS = orjson.OPT_NON_STR_KEYS
