"""The Protobuf codec to use: the native one where it is installed."""

from __future__ import annotations

from tidegate import native
from tidegate.records.protobuf.codec import ProtobufCodec
from tidegate.records.protobuf.native_codec import NativeProtobufCodec
from tidegate.records.protobuf.upb_codec import UpbCodec


def protobuf_codec() -> ProtobufCodec:
    """The fastest codec of this installation."""
    return UpbCodec() if native.extension is None else NativeProtobufCodec(native.extension)
