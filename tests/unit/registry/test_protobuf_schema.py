"""Protobuf schemas: validity, sameness in both forms, and which changes still read the old messages."""

from __future__ import annotations

import pytest
from tidegate_registry.schemas.incompatibility import Sides
from tidegate_registry.schemas.invalid import SchemaSyntaxError
from tidegate_registry.schemas.protobuf import ProtobufSchema

BASE = 'syntax = "proto3"; package p; message M { string a = 1; int32 b_c = 2; repeated int32 d = 3; N n = 4; }'
NESTED = " message N { bool x = 1; }"


def rules(reader: str, writer: str) -> list[str]:
    found = ProtobufSchema(reader).find_unreadable(ProtobufSchema(writer), Sides.backward(1))
    return [each.rule for each in found]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("string a = 1;", ""),
        ("string a = 1;", "bytes renamed = 1;"),
        ("int32 b_c = 2;", "int64 b_c = 2;"),
        ("string a = 1;", "repeated string a = 1;"),
        ("string a = 1;", "oneof o { string a = 1; string z = 9; }"),
        ("N n = 4;", "N n = 4; string fresh = 5;"),
    ],
)
def test_readable(old: str, new: str) -> None:
    assert rules(BASE.replace(old, new) + NESTED, BASE + NESTED) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("int32 b_c = 2;", "string b_c = 2;", "FIELD_KIND_CHANGED"),
        ("int32 b_c = 2;", "sint32 b_c = 2;", "FIELD_KIND_CHANGED"),
        ("N n = 4;", "M n = 4;", "FIELD_KIND_CHANGED"),
        ("repeated int32 d = 3;", "int32 d = 3;", "FIELD_SCALAR_KIND_CHANGED"),
        ("package p;", "package q;", "PACKAGE_CHANGED"),
        ("message M", "message Q", "MESSAGE_REMOVED"),
        (
            "string a = 1; int32 b_c = 2;",
            "oneof o { string a = 1; int32 b_c = 2; }",
            "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
        ),
    ],
)
def test_unreadable(old: str, new: str, rule: str) -> None:
    assert rules(BASE.replace(old, new) + NESTED, BASE + NESTED) == [rule]


def test_a_required_field_added() -> None:
    old = 'syntax = "proto2"; message M { optional int32 a = 1; }'
    assert rules(old.replace("}", "required int32 b = 2; }"), old) == ["REQUIRED_FIELD_ADDED"]


def test_comments_whitespace_and_the_serialized_form_make_no_difference() -> None:
    text = ProtobufSchema(BASE + NESTED)
    commented = ProtobufSchema((BASE + NESTED).replace(";", " ; // comment\n\n"))
    serialized = ProtobufSchema(text.serialized())
    assert text.canonical() == commented.canonical() == serialized.canonical()
    assert text.canonical() != ProtobufSchema(BASE.replace("b_c", "b_d") + NESTED).canonical()


def test_imports_from_references_in_both_forms() -> None:
    common = ProtobufSchema('syntax = "proto3"; package c; message C { int32 i = 1; }')
    middle = ProtobufSchema(
        'syntax = "proto3"; package m; import "c.proto"; import "google/protobuf/timestamp.proto";'
        " message D { c.C c = 1; google.protobuf.Timestamp t = 2; }",
        {"c.proto": common},
    )
    text = 'syntax = "proto3"; import "d.proto"; message M { m.D d = 1; }'
    whole = ProtobufSchema(text, {"d.proto": middle})
    again = ProtobufSchema(whole.serialized(), {"d.proto": ProtobufSchema(middle.serialized(), {"c.proto": common})})
    assert whole.canonical() == again.canonical()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("message M {", "protoc refuses"),
        ('syntax = "proto3"; message M { Foo x = 1; }', '"Foo" is not defined'),
        ('syntax = "proto3"; import "away.proto";', "away.proto"),
        ('syntax = "proto3"; import "/etc/passwd";', "passwd"),
        ('syntax = "proto3"; message M { int32 a = 1; int32 b = 1; }', "protoc refuses"),
        ("EgFw", ""),
    ],
)
def test_what_is_no_schema(text: str, problem: str) -> None:
    if not problem:
        assert ProtobufSchema(text).file.package == "p"
        return
    with pytest.raises(SchemaSyntaxError) as refused:
        ProtobufSchema(text)
    assert problem in str(refused.value)
    assert "/tmp" not in str(refused.value)


def test_a_serialized_schema_that_refers_to_nothing_is_refused() -> None:
    importing = ProtobufSchema(
        'syntax = "proto3"; import "c.proto"; message M { C c = 1; }',
        {"c.proto": ProtobufSchema('syntax = "proto3"; message C {}')},
    )
    with pytest.raises(SchemaSyntaxError, match="not valid"):
        ProtobufSchema(importing.serialized())
