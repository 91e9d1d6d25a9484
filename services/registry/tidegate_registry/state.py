"""All the registry knows, as of one revision of etcd."""

from __future__ import annotations

from collections import defaultdict

from tidegate_registry.keys import GLOBAL, RegistryKeys
from tidegate_registry.schemas.level import CompatibilityLevel
from tidegate_registry.stored import Head, StoredSchema, StoredSubject

DEFAULT_LEVEL = CompatibilityLevel.BACKWARD


class RegistryState:
    """The registry's keys, indexed for its questions; a schema's content is held once, however many subjects use it.

    Args:
        keys: the cluster's keys.
    """

    def __init__(self, keys: RegistryKeys) -> None:
        self._keys = keys
        self.revision = 0
        self.head = Head()
        self.head_revision = 0
        self.schemas: dict[int, StoredSchema] = {}
        self.subjects: dict[str, StoredSubject] = {}
        self.levels: dict[str, CompatibilityLevel] = {}
        self.ids: dict[str, int] = {}
        self._uses: defaultdict[int, set[tuple[str, int]]] = defaultdict(set)
        self._importers: defaultdict[tuple[str, int], set[int]] = defaultdict(set)

    def put(self, key: str, value: bytes, mod_revision: int) -> None:
        """Take in a key that was written."""
        kind, name = self._keys.parse(key)
        match kind:
            case "head":
                self.head, self.head_revision = Head.from_json(value), mod_revision
            case "config":
                self.levels[name] = CompatibilityLevel(value.decode())
            case "schemas":
                self._put_schema(StoredSchema.from_json(int(name), value))
            case "subjects":
                self._put_subject(name, StoredSubject.from_json(value))

    def delete(self, key: str) -> None:
        """Take in a key that was deleted."""
        kind, name = self._keys.parse(key)
        match kind:
            case "head":
                self.head, self.head_revision = Head(), 0
            case "config":
                self.levels.pop(name, None)
            case "schemas":
                self._forget_schema(int(name))
            case "subjects":
                self._put_subject(name, StoredSubject())
                del self.subjects[name]

    def level(self, subject: str) -> CompatibilityLevel:
        """The level that holds for a subject: its own, or the global one."""
        return self.levels.get(subject) or self.levels.get(GLOBAL, DEFAULT_LEVEL)

    def uses(self, schema_id: int) -> list[tuple[str, int]]:
        """Subjects and versions that hold a schema, softly deleted ones too, in order."""
        return sorted(self._uses.get(schema_id, ()))

    def importers(self, subject: str, version: int) -> list[int]:
        """Ids of the schemas in use that refer to a version."""
        return sorted(each for each in self._importers.get((subject, version), ()) if self._uses.get(each))

    def _put_schema(self, schema: StoredSchema) -> None:
        self._forget_schema(schema.id)
        self.schemas[schema.id] = schema
        self.ids[schema.fingerprint] = schema.id
        for reference in schema.content.references:
            self._importers[reference.subject, reference.version].add(schema.id)

    def _forget_schema(self, schema_id: int) -> None:
        schema = self.schemas.pop(schema_id, None)
        if schema is None:
            return
        if self.ids.get(schema.fingerprint) == schema_id:
            del self.ids[schema.fingerprint]
        for reference in schema.content.references:
            self._importers[reference.subject, reference.version].discard(schema_id)

    def _put_subject(self, name: str, subject: StoredSubject) -> None:
        for each in self.subjects.get(name, StoredSubject()).versions:
            self._uses[each.id].discard((name, each.version))
        for each in subject.versions:
            self._uses[each.id].add((name, each.version))
        self.subjects[name] = subject
