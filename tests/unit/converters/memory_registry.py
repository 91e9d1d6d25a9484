"""A registry in memory, with the methods of the client that converters use."""

from __future__ import annotations

from typing import cast

from tidegate.registry_client import (
    IncompatibleSchemaError,
    RegisteredSchema,
    RegistryClient,
    RegistryUnavailableError,
    Schema,
    SchemaNotFoundError,
)


class MemoryRegistry:
    """Ids count from 1; ``refuse`` names subjects whose every new schema is incompatible."""

    def __init__(self) -> None:
        self.subjects: dict[str, list[RegisteredSchema]] = {}
        self.refuse: dict[str, str] = {}
        self.away = False
        self.calls: list[str] = []

    @property
    def client(self) -> RegistryClient:
        return cast(RegistryClient, self)

    def register(self, subject: str, schema: Schema) -> int:
        self._call(f"register {subject}")
        if subject in self.refuse:
            raise IncompatibleSchemaError(subject, [self.refuse[subject]])
        versions = self.subjects.setdefault(subject, [])
        for version in versions:
            if version.schema == schema:
                return version.id
        ids = {one.schema: one.id for all_versions in self.subjects.values() for one in all_versions}
        schema_id = ids.get(schema, len(ids) + 1)
        versions.append(RegisteredSchema(subject, len(versions) + 1, schema_id, schema))
        return schema_id

    def lookup(self, subject: str, schema: Schema, *, include_deleted: bool = False) -> RegisteredSchema:
        self._call(f"lookup {subject}")
        for version in self.subjects.get(subject, []):
            if version.schema == schema:
                return version
        raise SchemaNotFoundError("Schema not found.")

    def get_by_id(self, schema_id: int) -> Schema:
        self._call(f"get {schema_id}")
        for versions in self.subjects.values():
            for version in versions:
                if version.id == schema_id:
                    return version.schema
        raise SchemaNotFoundError(f"Schema {schema_id} not found.")

    def latest(self, subject: str) -> RegisteredSchema:
        return self.version(subject, -1)

    def version(self, subject: str, version: int) -> RegisteredSchema:
        self._call(f"version {subject} {version}")
        versions = self.subjects.get(subject)
        if not versions:
            raise SchemaNotFoundError(f"Subject '{subject}' not found.")
        return versions[version - 1 if version > 0 else -1]

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.away:
            raise RegistryUnavailableError("no registry replica answered.")
