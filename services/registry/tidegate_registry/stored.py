"""The values of the registry's keys in etcd."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from tidegate_registry.schemas.content import Reference, SchemaContent
from tidegate_registry.schemas.schema_type import SchemaType

_REMEMBERED_WRITES: Final = 32


@dataclass(frozen=True)
class Head:
    """What every write changes, and by which all writes are put in one order.

    Args:
        last_id: the highest schema id ever given.
        writes: the marks of the last writes, by which a writer whose answer was lost finds out that it wrote.
    """

    last_id: int = 0
    writes: tuple[str, ...] = ()

    def after(self, mark: str, last_id: int) -> Head:
        """The head after one more write."""
        return Head(last_id, (*self.writes, mark)[-_REMEMBERED_WRITES:])

    def to_json(self) -> bytes:
        """The value in etcd."""
        return orjson.dumps({"last_id": self.last_id, "writes": self.writes})

    @classmethod
    def from_json(cls, value: bytes) -> Head:
        """Inverse of :meth:`to_json`."""
        read = orjson.loads(value)
        return cls(read["last_id"], tuple(read["writes"]))


@dataclass(frozen=True)
class StoredSchema:
    """A schema with its id.

    Args:
        id: global id, from 1.
        content: what is handed out.
        fingerprint: digest of the canonical content; equal schemas have equal ones.
    """

    id: int
    content: SchemaContent
    fingerprint: str

    def to_json(self) -> bytes:
        """The value in etcd."""
        references = [[each.name, each.subject, each.version] for each in self.content.references]
        value: dict[str, Any] = {"type": self.content.type, "schema": self.content.text}
        if references:
            value["references"] = references
        return orjson.dumps({**value, "fingerprint": self.fingerprint})

    @classmethod
    def from_json(cls, schema_id: int, value: bytes) -> StoredSchema:
        """Inverse of :meth:`to_json`."""
        read = orjson.loads(value)
        references = tuple(Reference(*each) for each in read.get("references", ()))
        return cls(schema_id, SchemaContent(SchemaType(read["type"]), read["schema"], references), read["fingerprint"])


@dataclass(frozen=True)
class StoredVersion:
    """A version of a subject.

    Args:
        version: from 1.
        id: id of its schema.
        deleted: whether it is softly deleted.
    """

    version: int
    id: int
    deleted: bool = False


@dataclass(frozen=True)
class StoredSubject:
    """A subject's versions, ascending."""

    versions: tuple[StoredVersion, ...] = field(default=())

    @property
    def active(self) -> tuple[StoredVersion, ...]:
        """Those that are not deleted."""
        return tuple(each for each in self.versions if not each.deleted)

    @property
    def next_version(self) -> int:
        """The number of a version still to come."""
        return self.versions[-1].version + 1 if self.versions else 1

    def find(self, version: int) -> StoredVersion | None:
        """The version of this number, deleted or not."""
        return next((each for each in self.versions if each.version == version), None)

    def soft_deleted(self, versions: frozenset[int]) -> StoredSubject:
        """With these versions marked as deleted."""
        return StoredSubject(
            tuple(replace(each, deleted=each.deleted or each.version in versions) for each in self.versions)
        )

    def without(self, version: int) -> StoredSubject:
        """Without this version."""
        return StoredSubject(tuple(each for each in self.versions if each.version != version))

    def to_json(self) -> bytes:
        """The value in etcd."""
        return orjson.dumps({"versions": [[each.version, each.id, each.deleted] for each in self.versions]})

    @classmethod
    def from_json(cls, value: bytes) -> StoredSubject:
        """Inverse of :meth:`to_json`."""
        return cls(tuple(StoredVersion(*each) for each in orjson.loads(value)["versions"]))
