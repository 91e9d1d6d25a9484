"""Names of converters."""

from __future__ import annotations

import pytest

from tidegate.converters.avro import AvroConverter
from tidegate.converters.base import Converter
from tidegate.converters.json import JsonConverter
from tidegate.converters.json_schema import JsonSchemaConverter
from tidegate.converters.plugins import converter
from tidegate.converters.primitive import BytesConverter, LongConverter
from tidegate.converters.protobuf import ProtobufConverter
from tidegate.converters.simple_header import SimpleHeaderConverter
from tidegate.converters.string import StringConverter
from tidegate.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("avro", AvroConverter),
        ("json", JsonConverter),
        (" string ", StringConverter),
        ("io.confluent.connect.protobuf.ProtobufConverter", ProtobufConverter),
        ("io.confluent.connect.json.JsonSchemaConverter", JsonSchemaConverter),
        ("org.apache.kafka.connect.converters.ByteArrayConverter", BytesConverter),
        ("org.apache.kafka.connect.converters.LongConverter", LongConverter),
        ("org.apache.kafka.connect.storage.SimpleHeaderConverter", SimpleHeaderConverter),
        ("io.confluent.connect.avro.AvroConverter", AvroConverter),
        ("org.apache.kafka.connect.json.JsonConverter", JsonConverter),
        ("org.apache.kafka.connect.storage.StringConverter", StringConverter),
        ("tidegate.converters.json:JsonConverter", JsonConverter),
    ],
)
def test_names_and_aliases(name: str, kind: type[Converter]) -> None:
    assert type(converter(name)) is kind


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("protobuff", "is not installed here: use one of avro, boolean,"),
        ("nowhere:Thing", "does not load"),
        ("tidegate.converters.plugins:ALIASES", "is not a converter"),
    ],
)
def test_unknown_names(name: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        converter(name, "key.converter")
    assert caught.value.problems[0].key == "key.converter"
