"""The string converter: UTF-8 text without a schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.converters.base import Converter, Decoded, DecodedRun, Encoded
from tidegate.converters.json_values import json_values
from tidegate.errors import ConfigError, ConfigProblem
from tidegate.records.faults import RecordFault, Stage

if TYPE_CHECKING:
    from tidegate.registry_client import RegistryClient

_ENCODINGS = ("utf-8", "utf8")


class StringConverter(Converter):
    """Writes text as it is, other scalars as text, records and lists as JSON; reads text."""

    def configure(self, config: Mapping[str, str], *, is_key: bool, registry: RegistryClient | None) -> None:
        """See the base class. ``converter.encoding`` may be UTF-8 only."""
        encoding = config.get("converter.encoding", "UTF-8")
        if encoding.strip().lower() not in _ENCODINGS:
            raise ConfigError([ConfigProblem("converter.encoding", f"{encoding!r} is not supported: use UTF-8")])
        self._side = "key" if is_key else "value"
        self._stage = Stage.KEY_CONVERTER if is_key else Stage.VALUE_CONVERTER

    def encode(self, topic: str, column: pa.Array, field: pa.Field) -> Encoded:
        """See the base class."""
        return Encoded(_texts(column))

    def decode(self, topic: str, data: pa.Array) -> Decoded:
        """See the base class."""
        field = pa.field(self._side, pa.string())
        rows = pa.array(np.arange(len(data), dtype=np.int32))
        if not len(rows):
            return Decoded([])
        try:
            return Decoded([DecodedRun(rows, data.cast(pa.string()), field)])
        except pa.ArrowInvalid:
            faults = [
                RecordFault(row, self._stage, "DataException", f"The {self._side} is not valid UTF-8 text.")
                for row, message in enumerate(data.to_pylist())
                if message is not None and not _is_text(message)
            ]
        good = pc.invert(pc.is_in(rows, value_set=pa.array([fault.row for fault in faults], pa.int32())))
        run = DecodedRun(rows.filter(good), data.filter(good).cast(pa.string()), field)
        return Decoded([run] if len(run.rows) else [], faults)


def _texts(column: pa.Array) -> pa.Array:
    types = pa.types
    kind = column.type
    if types.is_dictionary(kind):
        return _texts(column.dictionary_decode())
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return column.cast(pa.binary())
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return column.cast(pa.binary())
    if types.is_nested(kind):
        return pa.array([None if value is None else orjson.dumps(value) for value in json_values(column)], pa.binary())
    try:
        return _texts(column.cast(pa.string()))
    except pa.ArrowException:
        return pa.array([None if value is None else str(value).encode() for value in column.to_pylist()], pa.binary())


def _is_text(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
