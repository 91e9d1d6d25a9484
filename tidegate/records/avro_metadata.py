"""What Arrow has no place for: Avro's distinctions, kept as field metadata and as schema properties."""

from __future__ import annotations

LOGICAL = b"tidegate.avro.logical"
"""Field metadata: the logical type of a string or fixed column that has no Arrow type of its own: ``uuid``."""
FIXED = b"tidegate.avro.fixed"
"""Field metadata: size in bytes of the fixed type that a decimal or interval column is stored in, as decimal text."""
SYMBOLS = b"tidegate.avro.symbols"
"""Field metadata: the symbols of the enum a string column is of, as a JSON list."""
UNION = b"tidegate.avro.union"
"""Field metadata, ``true``: the struct is a union; one field a branch, at most one of them not null."""

ORIGINAL_NAME = "tidegate.name"
"""Property of a record field or type whose Arrow name is no Avro name: the Arrow name."""
DURATION_UNIT = "tidegate.duration"
"""Property of a ``long`` that holds an Arrow duration: its unit."""
MAP_ENTRY = "connect.internal.type"
"""Property of a record that is an entry of a map with other than string keys; the name is Connect's."""
MAP_ENTRY_VALUE = "MapEntry"
CONNECT_DEFAULT = "connect.default"
"""Property of a field's type: the field's default once more, for readers who see the type alone; Connect's."""
CONNECT_NAME, CONNECT_VERSION = "connect.name", "connect.version"
"""Properties of a type with a meaning of its own, such as ``io.debezium.data.Json``; the names are Connect's."""
