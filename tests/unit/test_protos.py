"""The contracts explain themselves: every service, call, message and field has its comment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

PROTOS = Path(__file__).parents[2] / "protos"

# Field numbers of descriptor.proto, which paths of source locations are made of.
_MESSAGE, _ENUM, _SERVICE = 4, 5, 6
_FIELD, _NESTED, _NESTED_ENUM = 2, 3, 4
_METHOD = _VALUE = 2


def compiled(target: Path) -> list[FileDescriptorProto]:
    sources = sorted(str(path) for path in PROTOS.rglob("*.proto"))
    includes = [f"-I{PROTOS}", f"-I{files('grpc_tools') / '_proto'}"]
    assert protoc.main(["", *includes, "--include_source_info", f"--descriptor_set_out={target}", *sources]) == 0
    return list(FileDescriptorSet.FromString(target.read_bytes()).file)


def elements(file: FileDescriptorProto) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names with their paths."""
    yield from _messages(file.message_type, (_MESSAGE,))
    yield from _parts(file.enum_type, (_ENUM,), "value", _VALUE)
    yield from _parts(file.service, (_SERVICE,), "method", _METHOD)


def _messages(messages: Iterable[Any], path: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for number, message in enumerate(messages):
        if message.options.map_entry:
            continue
        here = (*path, number)
        yield message.name, here
        yield from ((f"{message.name}.{each.name}", (*here, _FIELD, n)) for n, each in enumerate(message.field))
        yield from _messages(message.nested_type, (*here, _NESTED))
        yield from _parts(message.enum_type, (*here, _NESTED_ENUM), "value", _VALUE)


def _parts(owners: Iterable[Any], path: tuple[int, ...], part: str, tag: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for number, owner in enumerate(owners):
        yield owner.name, (*path, number)
        yield from (
            (f"{owner.name}.{each.name}", (*path, number, tag, n)) for n, each in enumerate(getattr(owner, part))
        )


def test_every_element_has_a_comment(tmp_path: Path) -> None:
    checked, silent = 0, []
    for file in compiled(tmp_path / "protos.bin"):
        commented = {
            tuple(place.path)
            for place in file.source_code_info.location
            if place.leading_comments.strip() or place.trailing_comments.strip()
        }
        for name, path in elements(file):
            checked += 1
            if path not in commented:
                silent.append(f"{file.name}: {name}")
    assert checked > 300
    assert silent == []
