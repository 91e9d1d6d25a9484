"""A Protobuf schema of the registry, with descriptors of its message types."""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Mapping, Sequence

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message

from tidegate.records.protobuf.known_files import known_files
from tidegate.records.protobuf.protoc import compile_proto
from tidegate.records.schema_error import UnusableSchemaError

_MAIN = "tidegate/schema.proto"


class SchemaFile:
    """A compiled file.

    Args:
        text: .proto text, or the base64 of a FileDescriptorProto, as Confluent's Python client registers.
        imports: texts of the files it imports, by path, each after those it imports itself; the files of
            :mod:`~tidegate.records.protobuf.known_files` need not be given.

    Raises:
        UnusableSchemaError: it does not compile, or what it imports is not there.
    """

    def __init__(self, text: str, imports: Mapping[str, str] | None = None) -> None:
        self._compiled: dict[str, descriptor_pb2.FileDescriptorProto] = {}
        for path, imported in (imports or {}).items():
            self._add(path, imported)
        self._add(_MAIN, text)
        pool = descriptor_pool.DescriptorPool()
        try:
            for file in self._compiled.values():
                pool.AddSerializedFile(file.SerializeToString())
            self._file = pool.FindFileByName(_MAIN)
        except (TypeError, KeyError) as error:
            raise UnusableSchemaError(f"The Protobuf schema is not valid: {error}.") from None

    def message(self, indexes: Sequence[int]) -> Descriptor:
        """The message type that indexes of the wire format name.

        Raises:
            UnusableSchemaError: there is none.
        """
        first, *rest = indexes
        try:
            # The wire format counts in the order of the file, which a pool does not keep.
            node = self._compiled[_MAIN].message_type[first]
            names = [node.name]
            for index in rest:
                node = node.nested_type[index]
                names.append(node.name)
        except IndexError:
            raise UnusableSchemaError(f"The schema has no message type at the indexes {list(indexes)}.") from None
        found = self._file.message_types_by_name[names[0]]
        for name in names[1:]:
            found = found.nested_types_by_name[name]
        return found

    def indexes(self, full_name: str) -> list[int]:
        """The indexes of a message type of the file; of the first one where none has the name."""
        for index, node in enumerate(self._compiled[_MAIN].message_type):
            if self._file.message_types_by_name[node.name].full_name == full_name:
                return [index]
        return [0]

    def _add(self, path: str, text: str) -> None:
        given = _decoded(text)
        if given is None:
            self._import_known(_imported_paths(text))
            *needed, file = compile_proto(text, self._compiled)
        else:
            self._import_known(given.dependency)
            needed, file = list(_built_in(given, self._compiled)), given
        for each in needed:
            self._compiled.setdefault(each.name, each)
        file.name = path
        self._compiled[path] = file

    def _import_known(self, paths: Sequence[str]) -> None:
        for path in paths:
            if path in known_files() and path not in self._compiled:
                self._add(path, known_files()[path])


@functools.lru_cache(maxsize=256)
def schema_file(text: str, imports: tuple[tuple[str, str], ...]) -> SchemaFile:
    """A compiled file, compiled once: that runs protoc.

    Args:
        text: see :class:`SchemaFile`.
        imports: path and text of each file it imports.

    Raises:
        UnusableSchemaError: it does not compile.
    """
    return SchemaFile(text, dict(imports))


def message_class(descriptor: Descriptor) -> type[Message]:
    """The class of a message type."""
    return message_factory.GetMessageClass(descriptor)


def _imported_paths(text: str) -> list[str]:
    return [path for path in known_files() if f'"{path}"' in text]


def _decoded(text: str) -> descriptor_pb2.FileDescriptorProto | None:
    try:
        binary = base64.b64decode("".join(text.split()), validate=True)
        return descriptor_pb2.FileDescriptorProto.FromString(binary) if binary else None
    except (binascii.Error, ValueError, DecodeError):
        return None


def _built_in(
    file: descriptor_pb2.FileDescriptorProto, there: Mapping[str, object]
) -> Sequence[descriptor_pb2.FileDescriptorProto]:
    wanted = [path for path in file.dependency if path.startswith("google/protobuf/") and path not in there]
    text = 'syntax = "proto3";\n' + "".join(f'import "{path}";\n' for path in wanted)
    return compile_proto(text, {})[:-1] if wanted else ()
