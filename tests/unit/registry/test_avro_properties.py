"""Properties of the Avro rules, judged by what fastavro can really read."""

from __future__ import annotations

import copy
import io
import json
from typing import Any

import fastavro
from fastavro.utils import generate_many
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tidegate_registry.schemas.avro import AvroSchema
from tidegate_registry.schemas.compatibility import find_incompatibilities
from tidegate_registry.schemas.incompatibility import Incompatibility, Sides
from tidegate_registry.schemas.level import CompatibilityLevel
from tidegate_registry.schemas.parsed import ParsedSchema

from tests.unit.registry.avro_strategies import DEFAULTS, PRIMITIVES, avro_records, changed

RECORDS = 5


def parse(schema: Any) -> AvroSchema:
    return AvroSchema(json.dumps(schema))


def unreadable(reader: Any, writer: Any) -> list[Incompatibility]:
    return list(parse(reader).find_unreadable(parse(writer), Sides()))


@settings(deadline=None)
@given(avro_records())
def test_a_schema_reads_its_own_data(schema: dict[str, Any]) -> None:
    assert unreadable(schema, schema) == []


@settings(deadline=None)
@given(avro_records())
def test_the_canonical_text_is_the_same_schema_and_its_own_canonical_text(schema: dict[str, Any]) -> None:
    canonical = parse(schema).canonical()
    assert AvroSchema(canonical).canonical() == canonical
    assert unreadable(json.loads(canonical), schema) == unreadable(schema, json.loads(canonical)) == []


@settings(deadline=None)
@given(avro_records(), st.sampled_from(PRIMITIVES), st.data())
def test_adding_a_field_with_a_default_is_backward_and_dropping_any_is_too(
    schema: dict[str, Any], primitive: str, data: st.DataObject
) -> None:
    grown = copy.deepcopy(schema)
    grown["fields"].append({"name": "fresh", "type": primitive, "default": DEFAULTS[primitive]})
    assert unreadable(grown, schema) == []
    assert unreadable(schema, grown) == []
    if schema["fields"]:
        shrunk = copy.deepcopy(schema)
        shrunk["fields"].pop(data.draw(st.integers(0, len(schema["fields"]) - 1)))
        assert unreadable(shrunk, schema) == []
        found = unreadable(schema, shrunk)
        assert [each.rule for each in found] == ["READER_FIELD_MISSING_DEFAULT_VALUE"]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_fastavro_reads_what_is_called_readable_and_what_it_refuses_is_called_unreadable(data: st.DataObject) -> None:
    writer = data.draw(avro_records())
    reader = data.draw(changed(writer))
    found = unreadable(reader, writer)
    event("readable" if not found else found[0].rule)
    written, wanted = fastavro.parse_schema(writer), fastavro.parse_schema(reader)
    for value in generate_many(written, RECORDS):
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, written, value)
        buffer.seek(0)
        try:
            fastavro.schemaless_reader(buffer, written, wanted)
        except UnicodeDecodeError:
            # The specification lets bytes be read as string, whatever they hold.
            assert "bytes" in json.dumps(writer)
        except Exception:
            assert found


@settings(deadline=None)
@given(st.data())
def test_full_is_backward_and_forward(data: st.DataObject) -> None:
    old = data.draw(avro_records())
    new = data.draw(changed(old))
    versions: dict[int, ParsedSchema] = {1: parse(old)}

    def allowed(level: CompatibilityLevel) -> bool:
        return not find_incompatibilities(level, parse(new), [1], versions.__getitem__)

    backward, forward = allowed(CompatibilityLevel.BACKWARD), allowed(CompatibilityLevel.FORWARD)
    assert allowed(CompatibilityLevel.FULL) == (backward and forward)
    assert backward == (not unreadable(new, old))
    assert forward == (not unreadable(old, new))
    assert allowed(CompatibilityLevel.NONE)
