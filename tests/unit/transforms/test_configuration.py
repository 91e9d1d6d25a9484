"""The keys of transforms: what is refused, with which sentence, and that all of it is told at once."""

from __future__ import annotations

import pytest

from tidegate.errors import ConfigError
from tidegate.sdk.connector_config import check, definition, parse
from tidegate.sdk.plugins import Plugin, Plugins
from tidegate.transforms.plugins import find_predicate, find_transform, installed_predicates, installed_transforms
from tidegate.transforms.side import Side

BASE = {"name": "n", "connector.class": "file-sink", "topics": "t", "file": "/tmp/x"}


def sink() -> Plugin:
    return Plugins.installed().find("file-sink")


def errors(config: dict[str, str]) -> dict[str, str]:
    """What is wrong, by key."""
    return {
        value.key.name: "; ".join(value.errors) for value in check(sink(), {**BASE, **config}).values if value.errors
    }


def test_a_proper_configuration_is_accepted() -> None:
    config = {
        **BASE,
        "transforms": "route, cast",
        "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.route.regex": "(.*)",
        "transforms.route.replacement": "${env:PREFIX}$1",
        "transforms.cast.type": "Cast$Value",
        "transforms.cast.spec": "a:int8",
        "transforms.cast.predicate": "p",
        "predicates": "p",
        "predicates.p.type": "TopicNameMatches",
        "predicates.p.pattern": "t",
    }
    assert not errors(config)
    assert parse(sink(), config)["transforms.cast.spec"] == ["a:int8"]


def test_every_problem_is_told_at_once_under_its_key() -> None:
    found = errors(
        {
            "transforms": "a,b,c,d,e,f,a",
            "transforms.a.type": "Kast$Value",
            "transforms.b.type": "Cast",
            "transforms.c.type": "Cast$Key",
            "transforms.c.spec": "x:int9",
            "transforms.c.predicate": "nobody",
            "transforms.d.type": "InsertField$Value",
            "transforms.d.negate": "true",
            "transforms.e.type": "MaskField$Value",
            "predicates": "p",
            "predicates.p.type": "HasHeaderKey",
            "header.converter": "avro",
        }
    )
    assert set(found) == {
        "transforms",
        "transforms.a.type",
        "transforms.b.type",
        "transforms.c.spec",
        "transforms.c.predicate",
        "transforms.d.topic.field",
        "transforms.d.negate",
        "transforms.e.fields",
        "transforms.f.type",
        "predicates.p.name",
        "header.converter.schema.registry.url",
    }
    assert "a more than once" in found["transforms"]
    assert "Cast$Key or Cast$Value" in found["transforms.b.type"]
    assert "'int9' is no type to cast to" in found["transforms.c.spec"]
    assert "'nobody' is no alias of predicates: use one of p" in found["transforms.c.predicate"]
    assert "missing; it is required" in found["transforms.e.fields"]


@pytest.mark.parametrize(
    ("type_", "keys", "key", "words"),
    [
        ("InsertField$Value", {"static.field": "x"}, "static.value", "give the text for field 'x'"),
        ("InsertField$Value", {}, "topic.field", "at least one of topic.field"),
        (
            "HeaderFrom$Value",
            {"fields": "a,b", "headers": "h", "operation": "copy"},
            "headers",
            "1 headers for 2 fields",
        ),
        ("HeaderFrom$Value", {"fields": "a", "headers": "h", "operation": "steal"}, "operation", "one of move, copy"),
        ("SetSchemaMetadata$Value", {}, "schema.name", "schema.version or both"),
        ("SetSchemaMetadata$Value", {"schema.version": "x"}, "schema.version", "not a whole number"),
        ("TimestampConverter$Value", {"target.type": "string"}, "format", "needs a pattern"),
        ("TimestampConverter$Value", {"target.type": "date"}, "target.type", "one of string, unix, Date"),
        ("TimestampConverter$Value", {"target.type": "unix", "format": "yyyy-bb"}, "format", "holds 'b'"),
        ("TimestampConverter$Value", {"target.type": "unix", "format": "'a"}, "format", "a quote that is not closed"),
        ("TimestampRouter", {"timestamp.format": "j"}, "timestamp.format", "holds 'j'"),
        ("RegexRouter", {"regex": "(", "replacement": "x"}, "regex", "is no regular expression"),
        ("RegexRouter", {"regex": "(a)", "replacement": "$2"}, "replacement", "the pattern has 1"),
        ("RegexRouter", {"regex": "(a)", "replacement": "${x}"}, "replacement", "the group 'x'"),
        ("RegexRouter", {"regex": "(a)", "replacement": "a$"}, "replacement", "without a group"),
        ("ReplaceField$Value", {"renames": "a"}, "renames", "write old:new"),
        ("ExtractField$Value", {"field": "`a", "field.syntax.version": "V2"}, "field", "not closed"),
        ("ExtractField$Value", {"field": "a", "field.syntax.version": "V3"}, "field.syntax.version", "V1 or V2"),
        ("Cast$Value", {"spec": "int8,a:int8"}, "spec", "casts the entire value"),
        ("Cast$Value", {"spec": "a:b:int8"}, "spec", "write field:type"),
        ("Filter$Value", {}, "type", "is for whole records: write 'Filter'"),
        ("tests.unit.transforms.test_configuration:nothing", {}, "type", "does not load"),
    ],
)
def test_keys_that_are_unusable(type_: str, keys: dict[str, str], key: str, words: str) -> None:
    config = {
        "transforms": "t",
        "transforms.t.type": type_,
        **{f"transforms.t.{name}": text for name, text in keys.items()},
    }
    found = errors(config)
    assert list(found) == [f"transforms.t.{key}"]
    assert words in found[f"transforms.t.{key}"]


def test_definitions_list_the_keys_of_the_transforms_named() -> None:
    keys = definition(sink(), {"transforms": "x", "transforms.x.type": "Flatten$Value"}).keys
    assert keys["transforms.x.delimiter"].default == "."
    assert keys["transforms.x.delimiter"].group == "Transforms: x"
    assert "transforms.x.predicate" in keys


@pytest.mark.parametrize("transform", installed_transforms(), ids=lambda one: str(one.name))
def test_a_transform_is_found_by_each_of_its_names(transform: type) -> None:
    names = (transform.name, *transform.aliases)  # type: ignore[attr-defined]
    for name in names:
        if transform.sided:  # type: ignore[attr-defined]
            assert find_transform(f"{name}$Key").side is Side.KEY
            assert find_transform(f"{name}$Value").transform is transform
        else:
            assert find_transform(name).transform is transform


def test_predicates_are_found_by_their_names() -> None:
    assert {one.name for one in installed_predicates()} == {"HasHeaderKey", "RecordIsTombstone", "TopicNameMatches"}
    for one in installed_predicates():
        assert all(find_predicate(name) is one for name in (one.name, *one.aliases))


def test_an_unknown_name_suggests_the_closest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'TimestampRouter'"):
        find_transform("TimestampRooter")
    with pytest.raises(ConfigError):
        parse(sink(), {**BASE, "transforms": "a"})
