"""Which converter a configuration names."""

from __future__ import annotations

import functools
import importlib
import inspect
from importlib.metadata import EntryPoint, entry_points

from tidegate.converters.base import Converter
from tidegate.errors import ConfigError, ConfigProblem

CONVERTERS = "tidegate.converters"
"""Entry-point group: ``name = "module:Class"``."""
ALIASES = {
    "io.confluent.connect.json.JsonSchemaConverter": "jsonschema",
    "io.confluent.connect.protobuf.ProtobufConverter": "protobuf",
    "org.apache.kafka.connect.converters.BooleanConverter": "boolean",
    "org.apache.kafka.connect.converters.ByteArrayConverter": "bytes",
    "org.apache.kafka.connect.converters.DoubleConverter": "double",
    "org.apache.kafka.connect.converters.FloatConverter": "float",
    "org.apache.kafka.connect.converters.IntegerConverter": "integer",
    "org.apache.kafka.connect.converters.LongConverter": "long",
    "org.apache.kafka.connect.converters.ShortConverter": "short",
    "io.confluent.connect.avro.AvroConverter": "avro",
    "org.apache.kafka.connect.json.JsonConverter": "json",
    "org.apache.kafka.connect.storage.StringConverter": "string",
    "org.apache.kafka.connect.storage.SimpleHeaderConverter": "simple",
}
"""Java classes and the converters that stand in for them."""


def converter(name: str, key: str = "value.converter") -> Converter:
    """A new converter, not yet configured.

    Args:
        name: a plugin name, a Java class of Kafka Connect, or a class as ``module:Class``.
        key: the configuration key that names it, for the error.

    Raises:
        ConfigError: there is none of that name, or it does not load.
    """
    wanted = name.strip()
    wanted = ALIASES.get(wanted, wanted)
    points = _points()
    try:
        if wanted in points:
            loaded = points[wanted].load()
        elif ":" in wanted:
            module, _, attribute = wanted.partition(":")
            loaded = getattr(importlib.import_module(module), attribute)
        else:
            known = ", ".join(sorted({*points, *ALIASES}))
            raise ConfigError([ConfigProblem(key, f"{name!r} is not installed here: use one of {known}")])
    except (ImportError, AttributeError) as error:
        raise ConfigError([ConfigProblem(key, f"{name!r} does not load: {error}")]) from error
    if not inspect.isclass(loaded) or not issubclass(loaded, Converter):
        raise ConfigError([ConfigProblem(key, f"{name!r} is not a converter: it must derive from Converter")])
    return loaded()


@functools.cache
def _points() -> dict[str, EntryPoint]:
    """The installed converters, looked for once: that reads the metadata of every package."""
    return {point.name: point for point in entry_points(group=CONVERTERS)}
