"""Message types, and messages of them: made up by hypothesis, without protoc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.type import date_pb2, timeofday_pb2  # type: ignore[import-untyped]
from hypothesis import strategies as st

from tidegate.records.protobuf.schema_file import message_class
from tidegate.records.protobuf.to_arrow import entry_fields, is_map
from tidegate.records.wire_format import varint

_NAMES = "BOOL INT32 SINT32 SFIXED32 INT64 SINT64 SFIXED64 UINT32 FIXED32 UINT64 FIXED64 STRING FLOAT DOUBLE BYTES"
SCALARS: list[int] = [getattr(FieldDescriptor, f"TYPE_{name}") for name in _NAMES.split()]
KEYS = SCALARS[:12]
SPECIAL = [
    "google.protobuf.Timestamp",
    "google.type.Date",
    "google.type.TimeOfDay",
    "confluent.type.Decimal",
    *(f"google.protobuf.{name}" for name in wrappers_pb2.DESCRIPTOR.message_types_by_name),
]
_IMPORTS = [timestamp_pb2.DESCRIPTOR, wrappers_pb2.DESCRIPTOR, date_pb2.DESCRIPTOR, timeofday_pb2.DESCRIPTOR]
_OPTIONAL, _REQUIRED, _REPEATED = 1, 2, 3
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
}
_WELL_KNOWN: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "google.protobuf.Timestamp": {"seconds": st.integers(-(10**14), 10**14), "nanos": st.integers(-5, 10**9)},
    "google.type.Date": {"year": st.integers(0, 10_000), "month": st.integers(0, 13), "day": st.integers(0, 32)},
    "google.type.TimeOfDay": {"hours": st.integers(-1, 24), "minutes": st.integers(0, 60), "nanos": st.integers(0, 9)},
    "confluent.type.Decimal": {"value": st.binary(max_size=6), "scale": st.integers(-1, 3)},
}


@st.composite
def descriptors(draw: st.DrawFn) -> Descriptor:
    """A message type with fields of every kind."""
    proto3 = draw(st.booleans())
    file = descriptor_pb2.FileDescriptorProto(name="made.proto", syntax="proto3" if proto3 else "proto2")
    file.dependency.extend([one.name for one in _IMPORTS] + ["decimal.proto"])
    for name, numbers in (("Color", (0, 1, 7, -2)), ("Size", (0, 300))):
        kind = file.enum_type.add(name=name)
        for number in numbers:
            kind.value.add(name=f"{name.upper()}_{abs(number)}", number=number)
    names = (f"M{number}" for number in range(100))
    _add_message(draw, file.message_type.add(name=next(names)), proto3=proto3, names=names, depth=0)
    pool = descriptor_pool.DescriptorPool()
    for known in _IMPORTS:
        pool.AddSerializedFile(known.serialized_pb)
    pool.AddSerializedFile(_decimal_file().SerializeToString())
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindMessageTypeByName("M0")


def messages(descriptor: Descriptor) -> st.SearchStrategy[bytes]:
    """Messages of a type as writers write them, and as they should not."""
    kind = message_class(descriptor)
    plain = _filled(descriptor).map(lambda fill: _written(kind(), fill))
    garbage = st.lists(
        st.tuples(st.integers(1, 20), st.sampled_from([0, 1, 2, 5, 3, 6]), st.binary(max_size=10)), max_size=3
    ).map(lambda fields: b"".join(varint(number << 3 | wire) + data for number, wire, data in fields))
    return st.one_of(
        plain,
        plain,
        st.tuples(plain, plain).map(b"".join),
        st.tuples(plain, garbage).map(b"".join),
        st.tuples(plain, st.integers(0, 40)).map(lambda pair: pair[0][: pair[1]]),
        st.binary(max_size=12),
    )


def _add_message(draw: st.DrawFn, message: Any, *, proto3: bool, names: Any, depth: int) -> None:
    numbers = draw(st.lists(st.integers(1, 20), min_size=0 if depth else 1, max_size=6, unique=True))
    if draw(st.booleans()):
        message.oneof_decl.add(name="choice")
    synthetic: list[Any] = []
    for number in numbers:
        name = f"f{number}"
        kind = draw(st.sampled_from(["scalar", "scalar", "enum", "special", "message", "map"]))
        if kind == "map":
            _add_map(draw, message, name, number, proto3=proto3)
            continue
        field = message.field.add(name=name, number=number, label=_OPTIONAL)
        _set_type(draw, field, message, kind, proto3=proto3, names=names, depth=depth)
        how = draw(st.sampled_from(["plain", "repeated", "oneof", "other"]))
        if how == "repeated":
            field.label = _REPEATED
            if field.type in SCALARS and field.type not in (9, 12):
                field.options.packed = draw(st.booleans())
        elif how == "oneof" and message.oneof_decl:
            field.oneof_index = 0
        elif how == "other" and proto3 and field.type != FieldDescriptor.TYPE_MESSAGE:
            field.proto3_optional = True
            synthetic.append(field)
        elif how == "other" and not proto3:
            if field.type == FieldDescriptor.TYPE_INT32 and draw(st.booleans()):
                field.default_value = "-5"
            elif field.type == FieldDescriptor.TYPE_STRING and draw(st.booleans()):
                field.default_value = "dd"
            else:
                field.label = _REQUIRED
    if message.oneof_decl and not any(field.HasField("oneof_index") for field in message.field):
        del message.oneof_decl[:]
    for field in synthetic:
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{field.name}")


def _set_type(draw: st.DrawFn, field: Any, message: Any, kind: str, *, proto3: bool, names: Any, depth: int) -> None:
    if kind == "enum":
        field.type, field.type_name = FieldDescriptor.TYPE_ENUM, draw(st.sampled_from([".Color", ".Size"]))
    elif kind == "special":
        field.type, field.type_name = FieldDescriptor.TYPE_MESSAGE, f".{draw(st.sampled_from(SPECIAL))}"
        if field.type_name == ".confluent.type.Decimal" and draw(st.booleans()):
            field.options.MergeFromString(_digits(draw(st.sampled_from([9, 50])), 2))
    elif kind == "message" and depth < 2:
        nested = message.nested_type.add(name=next(names))
        _add_message(draw, nested, proto3=proto3, names=names, depth=depth + 1)
        field.type, field.type_name = FieldDescriptor.TYPE_MESSAGE, nested.name
    else:
        field.type = draw(st.sampled_from(SCALARS))


def _add_map(draw: st.DrawFn, message: Any, name: str, number: int, *, proto3: bool) -> None:
    entry = message.nested_type.add(name=f"F{number}Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=_OPTIONAL, type=draw(st.sampled_from(KEYS)))
    value = entry.field.add(name="value", number=2, label=_OPTIONAL)
    kind = draw(st.sampled_from(["scalar", "enum", "special"]))
    _set_type(draw, value, message, kind, proto3=proto3, names=iter(()), depth=9)
    message.field.add(name=name, number=number, label=_REPEATED, type=11, type_name=entry.name)


def _digits(precision: int, scale: int) -> bytes:
    """Confluent's field option with the digits of a decimal."""
    meta = b""
    for key, value in (("precision", precision), ("scale", scale)):
        entry = _sized(1, key.encode()) + _sized(2, str(value).encode())
        meta += _sized(2, entry)
    return _sized(1088, meta)


def _sized(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def _decimal_file() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="decimal.proto", package="confluent.type", syntax="proto3")
    message: Any = file.message_type.add(name="Decimal")
    for number, (name, kind) in enumerate((("value", 12), ("precision", 13), ("scale", 5)), 1):
        message.field.add(name=name, number=number, type=kind, label=_OPTIONAL)
    return file


def _written(message: Any, fill: Callable[[Any], None]) -> bytes:
    fill(message)
    return bytes(message.SerializePartialToString())


@st.composite
def _filled(draw: st.DrawFn, descriptor: Descriptor) -> Callable[[Any], None]:
    """What fills a message of a type."""
    values: list[tuple[FieldDescriptor, Any]] = []
    known = _WELL_KNOWN.get(descriptor.full_name, {})
    for field in descriptor.fields:
        if draw(st.integers(0, 3)) == 0:
            continue
        one = known[field.name] if field.name in known else _values(field)
        if is_map(field):
            key, value = entry_fields(field)
            values.append((field, draw(st.dictionaries(_values(key), _values(value), max_size=3))))
        else:
            values.append((field, draw(st.lists(one, max_size=3) if field.is_repeated else one)))

    def fill(message: Any) -> None:
        for field, value in values:
            _put(message, field, value)

    return fill


def _put(message: Any, field: FieldDescriptor, value: Any) -> None:
    held = getattr(message, field.name)
    if is_map(field):
        for key, inner in value.items():
            if callable(inner):
                held[key].SetInParent()
                inner(held[key])
            else:
                held[key] = inner
    elif field.message_type is not None:
        for inner in value if field.is_repeated else [value]:
            one = held.add() if field.is_repeated else held
            one.SetInParent()
            inner(one)
    elif field.is_repeated:
        held.extend(value)
    else:
        setattr(message, field.name, value)


def _values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    message = field.message_type
    if message is not None:
        return st.deferred(lambda: _filled(message))
    if field.enum_type is not None:
        numbers = [one.number for one in field.enum_type.values]
        return st.sampled_from(numbers if field.enum_type.is_closed else [*numbers, 99])
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return st.binary(max_size=4) if field.type == FieldDescriptor.TYPE_BYTES else st.text(max_size=4)
    return _INTEGERS[field.cpp_type]
