"""The Avro codec to use: the native one where it is installed."""

from __future__ import annotations

from tidegate import native
from tidegate.records.codec import AvroCodec
from tidegate.records.columnar_codec import ColumnarCodec
from tidegate.records.native_codec import NativeCodec


def avro_codec() -> AvroCodec:
    """The fastest codec of this installation."""
    return ColumnarCodec() if native.extension is None else NativeCodec(native.extension)
