"""The Protobuf codec in Rust: what it leaves, and types that it has no plan for, are done by Google's library."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.descriptor import Descriptor

from tidegate.errors import FatalError
from tidegate.records.codec import DatumFault, DecodedColumn, EncodedColumn
from tidegate.records.native_plan import NoPlanError
from tidegate.records.protobuf.codec import MessageDecoder, MessageEncoder, Run
from tidegate.records.protobuf.reading_plan import reading_plan
from tidegate.records.protobuf.upb_codec import UpbCodec, UpbDecoder, UpbEncoder
from tidegate.records.protobuf.writing_plan import writing_plan

_LARGER = "The records of a batch are over 2 GiB, more than a column holds."
_REMEDY = "Let the batches be smaller."


class NativeProtobufCodec:
    """Implements :class:`~tidegate.records.protobuf.codec.ProtobufCodec`.

    Args:
        extension: the module ``tidegate._native``.
    """

    def __init__(self, extension: ModuleType) -> None:
        self._extension = extension
        self._upb = UpbCodec()

    def runs(self, data: pa.Array, skip: int) -> Sequence[Run]:
        """See the protocol."""
        runs: Sequence[Run] = self._extension.protobuf_runs(data, skip)
        return runs

    def encoder(self, descriptor: Descriptor, field: pa.Field) -> MessageEncoder:
        """See the protocol."""
        upb = self._upb.encoder(descriptor, field)
        try:
            return _Encoder(self._extension.ProtobufEncoder(writing_plan(field, descriptor)), upb)
        except NoPlanError:
            return upb

    def decoder(self, descriptor: Descriptor) -> MessageDecoder:
        """See the protocol."""
        upb = self._upb.decoder(descriptor)
        try:
            return _Decoder(self._extension.ProtobufDecoder(reading_plan(descriptor), upb.type), upb)
        except NoPlanError:
            return upb


class _Encoder:
    def __init__(self, native: object, upb: UpbEncoder) -> None:
        self._encode = native.encode  # type: ignore[attr-defined]
        self._upb = upb

    def encode(self, column: pa.Array, prefix: bytes) -> EncodedColumn:
        """See the protocol."""
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        try:
            data, left = map(pa.array, self._encode(column, prefix))
        except OverflowError:
            raise FatalError(_LARGER, remedy=_REMEDY) from None
        if not len(left):
            return EncodedColumn(data)
        more = self._upb.encode(column.take(left), prefix)
        rows = np.arange(len(data))
        rows[left.to_numpy()] = len(data) + np.arange(len(left))
        return EncodedColumn(pa.concat_arrays([data, more.data]).take(pa.array(rows)), _faults(left, more.faults))


class _Decoder:
    def __init__(self, native: object, upb: UpbDecoder) -> None:
        self._decode = native.decode  # type: ignore[attr-defined]
        self._upb = upb

    def decode(self, data: pa.Array, skip: int, indexes: bytes) -> DecodedColumn:
        """See the protocol."""
        try:
            rows, values, left = map(pa.array, self._decode(data, skip, indexes))
        except OverflowError:
            raise FatalError(_LARGER, remedy=_REMEDY) from None
        if not len(left):
            return DecodedColumn(rows, values)
        more = self._upb.decode(data.take(left), skip, indexes)
        faults = _faults(left, more.faults)
        if not len(more.rows):
            return DecodedColumn(rows, values, faults)
        rows = pa.concat_arrays([rows, left.take(more.rows)])
        order = pc.sort_indices(rows)
        return DecodedColumn(rows.take(order), pa.concat_arrays([values, more.values]).take(order), faults)


def _faults(left: pa.Array, faults: Sequence[DatumFault]) -> list[DatumFault]:
    return [DatumFault(left[fault.row].as_py(), fault.message) for fault in faults]
