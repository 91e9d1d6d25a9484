"""The converters of single values in Kafka's own binary forms: bytes, booleans and big-endian numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.converters.base import Converter, Decoded, DecodedRun, Encoded
from tidegate.records.arrow_to_avro import storage_type
from tidegate.records.faults import RecordFault, Stage

if TYPE_CHECKING:
    from tidegate.registry_client import RegistryClient

_EXCEPTION = "DataException"


class _PrimitiveConverter(Converter):
    """Values of one type; there are no configuration keys."""

    type: ClassVar[pa.DataType]

    def configure(self, config: Mapping[str, str], *, is_key: bool, registry: RegistryClient | None) -> None:
        """See the base class."""
        self._side = "key" if is_key else "value"
        self._stage = Stage.KEY_CONVERTER if is_key else Stage.VALUE_CONVERTER

    def encode(self, topic: str, column: pa.Array, field: pa.Field) -> Encoded:
        """See the base class."""
        if pa.types.is_null(column.type) or column.null_count == len(column):
            return Encoded(pa.nulls(len(column), pa.binary()))
        plain = storage_type(column.type)
        if not self._takes(plain):
            message = f"The {self._side} is {plain}, and this converter writes {self.type} only."
            return Encoded(pa.nulls(len(column), pa.binary()), self._all(column, message))
        return self._written(column if column.type == plain else column.cast(plain))

    def decode(self, topic: str, data: pa.Array) -> Decoded:
        """See the base class."""
        if not len(data):
            return Decoded([])
        good = self._readable(data)
        field = pa.field(self._side, self.type)
        rows = pa.array(np.flatnonzero(good).astype(np.int32))
        faults = [
            RecordFault(int(row), self._stage, _EXCEPTION, self._problem(len(data[int(row)].as_py())))
            for row in np.flatnonzero(~good)
        ]
        some = data if not faults else data.take(rows)
        return Decoded([DecodedRun(rows, self._read(some), field)] if len(rows) else [], faults)

    def _takes(self, kind: pa.DataType) -> bool:
        raise NotImplementedError

    def _written(self, column: pa.Array) -> Encoded:
        raise NotImplementedError

    def _readable(self, data: pa.Array) -> np.ndarray:
        raise NotImplementedError

    def _read(self, data: pa.Array) -> pa.Array:
        raise NotImplementedError

    def _problem(self, size: int) -> str:
        return f"The {self._side} has {size} bytes, which is no {self.type}."

    def _all(self, column: pa.Array, message: str) -> list[RecordFault]:
        rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
        return [RecordFault(int(row), self._stage, _EXCEPTION, message) for row in rows]


class BytesConverter(_PrimitiveConverter):
    """Bytes as they are."""

    type: ClassVar[pa.DataType] = pa.binary()

    def _takes(self, kind: pa.DataType) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind))

    def _written(self, column: pa.Array) -> Encoded:
        return Encoded(column.cast(pa.binary()))

    def _readable(self, data: pa.Array) -> np.ndarray:
        return np.ones(len(data), dtype=bool)

    def _read(self, data: pa.Array) -> pa.Array:
        return data


class BooleanConverter(_PrimitiveConverter):
    """One byte: 0 or 1."""

    type: ClassVar[pa.DataType] = pa.bool_()

    def _takes(self, kind: pa.DataType) -> bool:
        return bool(pa.types.is_boolean(kind))

    def _written(self, column: pa.Array) -> Encoded:
        return Encoded(pc.if_else(column, pa.scalar(b"\x01"), pa.scalar(b"\x00")))

    def _readable(self, data: pa.Array) -> np.ndarray:
        known = pc.is_in(data, value_set=pa.array([b"\x00", b"\x01", None], pa.binary()))
        result: np.ndarray = known.to_numpy(zero_copy_only=False)
        return result

    def _read(self, data: pa.Array) -> pa.Array:
        return pc.equal(data, pa.scalar(b"\x01"))

    def _problem(self, size: int) -> str:
        return f"The {self._side} is not one byte of 0 or 1, which a boolean is."


class _NumberConverter(_PrimitiveConverter):
    """A number of fixed width, the most significant byte first."""

    form: ClassVar[str]

    def _takes(self, kind: pa.DataType) -> bool:
        if pa.types.is_floating(self.type):
            return bool(pa.types.is_floating(kind) and kind.bit_width <= self.type.bit_width)
        return bool(pa.types.is_integer(kind))

    def _written(self, column: pa.Array) -> Encoded:
        cast = column.cast(self.type, safe=False)
        lost = self._lost(column)
        faults = [
            RecordFault(
                int(row),
                self._stage,
                _EXCEPTION,
                f"The {self._side} is {column[int(row)].as_py()}, which does not fit {self.type}.",
            )
            for row in np.flatnonzero(lost.to_numpy(zero_copy_only=False))
        ]
        numbers = pc.fill_null(cast, 0).to_numpy(zero_copy_only=False).astype(self.form)
        raw = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(numbers.itemsize), len(numbers), [None, pa.py_buffer(numbers.tobytes())]
        )
        keep = pc.and_(column.is_valid(), pc.invert(lost))
        return Encoded(pc.if_else(keep, raw.cast(pa.binary()), pa.scalar(None, pa.binary())), faults)

    def _lost(self, column: pa.Array) -> pa.BooleanArray:
        """Which whole numbers are out of the range."""
        if pa.types.is_floating(self.type) or pa.types.is_floating(column.type):
            return pa.array(np.zeros(len(column), dtype=bool))
        half = 1 << self.type.bit_width - 1
        low, high = -half, half - 1
        if pa.types.is_unsigned_integer(column.type):
            return pc.fill_null(pc.greater(column.cast(pa.uint64()), pa.scalar(high, pa.uint64())), False)
        wide = column.cast(pa.int64())
        return pc.fill_null(pc.or_(pc.less(wide, low), pc.greater(wide, high)), False)

    def _readable(self, data: pa.Array) -> np.ndarray:
        width = self.type.bit_width // 8
        result: np.ndarray = pc.fill_null(pc.equal(pc.binary_length(data), width), True).to_numpy(zero_copy_only=False)
        return result

    def _read(self, data: pa.Array) -> pa.Array:
        missing = data.is_null().to_numpy(zero_copy_only=False)
        joined: Any = b"".join(data.drop_null().to_pylist())
        numbers = np.zeros(len(data), dtype=self.form[1:])
        numbers[~missing] = np.frombuffer(joined, dtype=self.form)
        return pa.array(numbers, self.type, mask=missing)


class ShortConverter(_NumberConverter):
    """Whole numbers of 16 bits."""

    type: ClassVar[pa.DataType] = pa.int16()
    form: ClassVar[str] = ">i2"


class IntegerConverter(_NumberConverter):
    """Whole numbers of 32 bits."""

    type: ClassVar[pa.DataType] = pa.int32()
    form: ClassVar[str] = ">i4"


class LongConverter(_NumberConverter):
    """Whole numbers of 64 bits."""

    type: ClassVar[pa.DataType] = pa.int64()
    form: ClassVar[str] = ">i8"


class FloatConverter(_NumberConverter):
    """Floating-point numbers of 32 bits."""

    type: ClassVar[pa.DataType] = pa.float32()
    form: ClassVar[str] = ">f4"


class DoubleConverter(_NumberConverter):
    """Floating-point numbers of 64 bits."""

    type: ClassVar[pa.DataType] = pa.float64()
    form: ClassVar[str] = ">f8"
