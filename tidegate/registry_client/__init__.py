"""The client of the schema registry, for task processes."""

from __future__ import annotations

from tidegate.registry_client.client import RegistryClient
from tidegate.registry_client.errors import (
    IncompatibleSchemaError,
    InvalidSchemaError,
    RegistryUnavailableError,
    SchemaNotFoundError,
)
from tidegate.registry_client.schema import RegisteredSchema, Schema, SchemaReference, SchemaType

__all__ = [
    "IncompatibleSchemaError",
    "InvalidSchemaError",
    "RegisteredSchema",
    "RegistryClient",
    "RegistryUnavailableError",
    "Schema",
    "SchemaNotFoundError",
    "SchemaReference",
    "SchemaType",
]
