"""Every Protobuf codec of this installation: what one gives, the others must."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from google.protobuf.descriptor import Descriptor

from tidegate import native
from tidegate.records.codec import DecodedColumn, EncodedColumn
from tidegate.records.protobuf.codec import ProtobufCodec
from tidegate.records.protobuf.native_codec import NativeProtobufCodec
from tidegate.records.protobuf.rows import rows_of
from tidegate.records.protobuf.schema_file import message_class
from tidegate.records.protobuf.upb_codec import UpbCodec

CODECS: Mapping[str, ProtobufCodec] = {
    "upb": UpbCodec(),
    **({} if native.extension is None else {"native": NativeProtobufCodec(native.extension)}),
}


def encode(descriptor: Descriptor, field: pa.Field, column: pa.Array, prefix: bytes = b"") -> EncodedColumn:
    """Encodes with every codec, which must give the same, the order of a map's entries aside."""
    first, *others = (codec.encoder(descriptor, field).encode(column, prefix) for codec in CODECS.values())
    kind: Any = message_class(descriptor)

    def written(encoded: EncodedColumn) -> list[Any]:
        data: list[Any] = encoded.data.to_pylist()
        if not has_maps(descriptor):
            return data
        assert all(one is None or one.startswith(prefix) for one in data)
        parsed = [None if one is None else kind.FromString(one[len(prefix) :]) for one in data]
        return [None if one is None else one.SerializeToString(deterministic=True) for one in parsed]

    for other in others:
        assert written(other) == written(first)
        assert list(other.faults) == list(first.faults)
    return others[-1] if others else first


def has_maps(descriptor: Descriptor) -> bool:
    """Whether a type has a map, at whatever depth."""
    inner = [field.message_type for field in descriptor.fields if field.message_type is not None]
    return any(one.GetOptions().map_entry or has_maps(one) for one in inner)


def decode(descriptor: Descriptor, data: Sequence[bytes | None], skip: int = 0, indexes: bytes = b"") -> DecodedColumn:
    """Decodes with every codec, which must give the same."""
    messages = pa.array(data, pa.binary())
    first, *others = (codec.decoder(descriptor).decode(messages, skip, indexes) for codec in CODECS.values())
    first.values.validate(full=True)
    for other in others:
        other.values.validate(full=True)
        assert other.values.type.equals(first.values.type, check_metadata=True)
        # repr, because a NaN equals nothing; rows with numbers for times, because Python's dates end in the year 9999.
        assert repr(rows_of(other.values)) == repr(rows_of(first.values))
        assert other.rows.equals(first.rows)
        assert list(other.faults) == list(first.faults)
    return first


def runs(data: Sequence[bytes | None], skip: int = 0) -> Sequence[tuple[int, int, bytes | None]]:
    """Splits with every codec, which must give the same."""
    messages = pa.array(data, pa.binary())
    first, *others = (codec.runs(messages, skip) for codec in CODECS.values())
    for other in others:
        assert list(other) == list(first)
    return first
