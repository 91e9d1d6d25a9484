"""What the registry does, whichever way it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.etcd import Op
from tidegate.telemetry.logging import get_logger
from tidegate_registry.cache import StateCache
from tidegate_registry.errors import (
    ErrorCode,
    RegistryError,
    incompatible_schema,
    invalid_version,
    references_exist,
    schema_not_found,
    subject_not_found,
    version_not_found,
)
from tidegate_registry.keys import GLOBAL, RegistryKeys
from tidegate_registry.reader import SchemaReader, check_references, text_to_store
from tidegate_registry.schemas.compatibility import find_incompatibilities
from tidegate_registry.schemas.content import SchemaContent
from tidegate_registry.schemas.level import CompatibilityLevel
from tidegate_registry.schemas.parsed import ParsedSchema
from tidegate_registry.schemas.protobuf import ProtobufSchema
from tidegate_registry.state import DEFAULT_LEVEL, RegistryState
from tidegate_registry.stored import StoredSchema, StoredSubject, StoredVersion
from tidegate_registry.writer import MAX_OPERATIONS, Plan, StateWriter

log = get_logger(__name__)

LATEST: Final = -1
"""Stands for the latest version."""

_MAX_VERSION: Final = 2**31 - 1


@dataclass(frozen=True)
class SubjectVersion:
    """A schema under a subject.

    Args:
        subject: the subject.
        version: from 1.
        schema: the schema with its id.
        deleted: whether the version is softly deleted.
    """

    subject: str
    version: int
    schema: StoredSchema
    deleted: bool


class Registry:
    """The registry's operations; each raises :class:`RegistryError` with Confluent's code, or an etcd error.

    Reads are answered from the cache; what is not found there is looked for again when the cache holds every write
    answered before, so that no replica denies what another one gave.

    Args:
        keys: the cluster's keys.
        cache: this replica's view of the state.
        writer: writes the state.
        reader: parses schemas.
    """

    def __init__(self, keys: RegistryKeys, cache: StateCache, writer: StateWriter, reader: SchemaReader) -> None:
        self._keys = keys
        self._cache = cache
        self._writer = writer
        self._reader = reader

    async def register(self, subject: str, content: SchemaContent, *, normalize: bool = False) -> StoredVersion:
        """Register a schema under a subject; an equal one that is there already is given back."""
        key = self._keys.subject(subject)
        await self._with_references(content)
        fingerprint = await self._reader.fingerprint(content, normalize, self._cache.state)
        known = _find_version(self._cache.state, subject, fingerprint)
        if known is not None and not known.deleted:
            return known
        parsed = await self._reader.parse(content, self._cache.state)
        stored = text_to_store(content, parsed, normalize)

        async def decide(state: RegistryState) -> Plan[StoredVersion]:
            current = state.subjects.get(subject, StoredSubject())
            found = _find_version(state, subject, fingerprint)
            if found is not None and not found.deleted:
                return Plan(found)
            check_references(content, state)
            reasons = await self._incompatibilities(state, state.level(subject), parsed, current.active)
            if reasons:
                raise incompatible_schema(subject, reasons)
            known_id = state.ids.get(fingerprint)
            schema_id = state.head.last_id + 1 if known_id is None else known_id
            version = StoredVersion(current.next_version, schema_id)
            operations = [Op.put(key, StoredSubject((*current.versions, version)).to_json())]
            if known_id is None:
                schema = StoredSchema(schema_id, stored, fingerprint)
                operations.append(Op.put(self._keys.schema(schema_id), schema.to_json()))
            return Plan(version, operations, max(state.head.last_id, schema_id))

        version = await self._writer.write(decide)
        log.info("schema_registered", subject=subject, version=version.version, id=version.id)
        return version

    async def lookup(
        self, subject: str, content: SchemaContent, *, normalize: bool = False, deleted: bool = False
    ) -> SubjectVersion:
        """Find a schema's version under a subject, the latest if it is there more than once."""
        await self._with_references(content)
        fingerprint = await self._reader.fingerprint(content, normalize, self._cache.state)
        for state in (self._cache.state, None):
            current = state or await self._cache.catch_up()
            found = _find_version(current, subject, fingerprint)
            if found is not None and (deleted or not found.deleted):
                return _view(current, subject, found)
        if not _visible(current.subjects.get(subject), deleted):
            raise subject_not_found(subject)
        raise schema_not_found()

    async def schema_by_id(self, schema_id: int) -> StoredSchema:
        """The schema of an id, that of softly deleted versions too."""
        state = self._cache.state
        if schema_id not in state.schemas or not state.uses(schema_id):
            state = await self._cache.catch_up()
        if schema_id not in state.schemas or not state.uses(schema_id):
            raise schema_not_found(schema_id)
        return state.schemas[schema_id]

    async def serialized(self, schema: StoredSchema) -> str:
        """The base64 descriptor of a Protobuf schema; the text of any other."""
        parsed = await self._reader.parse(schema.content, self._cache.state)
        return parsed.serialized() if isinstance(parsed, ProtobufSchema) else schema.content.text

    async def uses(self, schema_id: int, *, deleted: bool = False) -> list[tuple[str, int]]:
        """Subjects and versions that hold a schema."""
        await self.schema_by_id(schema_id)
        state = self._cache.state
        shown = []
        for subject, number in state.uses(schema_id):
            version = state.subjects[subject].find(number)
            if version is not None and (deleted or not version.deleted):
                shown.append((subject, number))
        return shown

    async def version(self, subject: str, version: int, *, deleted: bool = False) -> SubjectVersion:
        """One version of a subject; :data:`LATEST` is the latest."""
        _check_version(version)
        try:
            return _select(self._cache.state, subject, version, deleted)
        except RegistryError:
            return _select(await self._cache.catch_up(), subject, version, deleted)

    async def versions(self, subject: str, *, deleted: bool = False, deleted_only: bool = False) -> list[int]:
        """A subject's versions."""
        for state in (self._cache.state, None):
            current = state or await self._cache.catch_up()
            stored = current.subjects.get(subject, StoredSubject()).versions
            shown = [each.version for each in stored if (each.deleted if deleted_only else deleted or not each.deleted)]
            if shown:
                return shown
        raise subject_not_found(subject)

    def subjects(self, prefix: str = "", *, deleted: bool = False, deleted_only: bool = False) -> list[str]:
        """Names of subjects, in order."""
        return sorted(
            name
            for name, subject in self._cache.state.subjects.items()
            if name.startswith(prefix) and (not subject.active if deleted_only else _visible(subject, deleted))
        )

    async def importers(self, subject: str, version: int) -> list[int]:
        """Ids of the schemas that refer to a version."""
        found = await self.version(subject, version, deleted=True)
        return self._cache.state.importers(subject, found.version)

    async def check(
        self, subject: str, content: SchemaContent, version: int | None = None, *, normalize: bool = False
    ) -> list[str]:
        """Why a schema could not be registered, a sentence for each reason; empty if it could.

        Args:
            subject: the subject; one that does not exist takes any schema.
            content: the schema.
            version: check against this version only; None: against those the subject's level asks for.
            normalize: look for an equal schema by its normalized form.
        """
        state = await self._cache.catch_up()
        await self._with_references(content)
        parsed = await self._reader.parse(content, state)
        level = state.level(subject)
        current = state.subjects.get(subject, StoredSubject())
        if version is None:
            fingerprint = await self._reader.fingerprint(content, normalize, state)
            found = _find_version(state, subject, fingerprint)
            if found is not None and not found.deleted:
                return []
            return await self._incompatibilities(state, level, parsed, current.active)
        _check_version(version)
        chosen = _select(state, subject, version, deleted=False).version
        return await self._incompatibilities(
            state, level, parsed, [each for each in current.active if each.version == chosen]
        )

    async def level(self, subject: str = GLOBAL, *, default_to_global: bool = False) -> CompatibilityLevel:
        """The compatibility level of a subject, or the global one."""
        if subject == GLOBAL:
            return self._cache.state.level(GLOBAL)
        own = self._cache.state.levels.get(subject)
        if own is None:
            state = await self._cache.catch_up()
            own = state.levels.get(subject) or (state.level(GLOBAL) if default_to_global else None)
        if own is None:
            raise RegistryError(
                ErrorCode.SUBJECT_LEVEL_NOT_CONFIGURED,
                f"Subject '{subject}' does not have subject-level compatibility configured",
            )
        return own

    async def set_level(self, subject: str, level: CompatibilityLevel) -> None:
        """Set the compatibility level of a subject, or the global one."""
        key = self._keys.level(subject)

        async def decide(state: RegistryState) -> Plan[None]:
            return Plan(None, [] if state.levels.get(subject) is level else [Op.put(key, level.encode())])

        await self._writer.write(decide)
        log.info("compatibility_level_set", subject=subject, level=str(level))

    async def delete_level(self, subject: str) -> CompatibilityLevel:
        """Remove the level of a subject, or reset the global one; gives what was removed."""
        key = self._keys.level(subject)

        async def decide(state: RegistryState) -> Plan[CompatibilityLevel]:
            own = state.levels.get(subject)
            if own is None and subject == GLOBAL:
                return Plan(DEFAULT_LEVEL)
            if own is None:
                raise subject_not_found(subject)
            return Plan(own, [Op.delete(key)])

        return await self._writer.write(decide)

    async def delete_subject(self, subject: str, *, permanent: bool = False) -> list[int]:
        """Delete a subject softly, or forget one that is softly deleted; gives the versions deleted."""
        key = self._keys.subject(subject)
        level_key = self._keys.level(subject)

        async def decide(state: RegistryState) -> Plan[list[int]]:
            current = state.subjects.get(subject)
            if current is None:
                raise subject_not_found(subject)
            gone = current.versions if permanent else current.active
            for each in gone:
                _check_unused(state, subject, each.version)
            if permanent:
                if current.active:
                    raise RegistryError(
                        ErrorCode.SUBJECT_NOT_SOFT_DELETED,
                        f"Subject '{subject}' was not deleted first before being permanently deleted",
                    )
                operations = [Op.delete(key), *self._forget(state, subject, gone)]
            else:
                if not current.active:
                    raise RegistryError(
                        ErrorCode.SUBJECT_SOFT_DELETED,
                        f"Subject '{subject}' was soft deleted. Set permanent=true to delete permanently",
                    )
                operations = [Op.put(key, current.soft_deleted(frozenset(each.version for each in gone)).to_json())]
            if subject in state.levels:
                operations.append(Op.delete(level_key))
            return Plan([each.version for each in gone], operations)

        versions = await self._writer.write(decide)
        if permanent:
            await self._sweep()
        log.info("subject_deleted", subject=subject, permanent=permanent, versions=len(versions))
        return versions

    async def delete_version(self, subject: str, version: int, *, permanent: bool = False) -> int:
        """Delete a version softly, or forget one that is softly deleted; gives its number."""
        _check_version(version)
        key = self._keys.subject(subject)

        async def decide(state: RegistryState) -> Plan[int]:
            current = state.subjects.get(subject)
            if current is None or not (permanent or current.active):
                raise subject_not_found(subject)
            if version == LATEST:
                found = (current.versions if permanent else current.active)[-1]
            else:
                found = current.find(version) or _raise(version_not_found(version))
            if not permanent and found.deleted:
                raise RegistryError(
                    ErrorCode.VERSION_SOFT_DELETED,
                    f"Subject '{subject}' Version {found.version} was soft deleted. Set permanent=true to delete"
                    " permanently",
                )
            if permanent and not found.deleted:
                raise RegistryError(
                    ErrorCode.VERSION_NOT_SOFT_DELETED,
                    f"Subject '{subject}' Version {found.version} was not deleted first before being permanently"
                    " deleted",
                )
            _check_unused(state, subject, found.version)
            if not permanent:
                changed = current.soft_deleted(frozenset([found.version]))
                return Plan(found.version, [Op.put(key, changed.to_json())])
            rest = current.without(found.version)
            kept = Op.put(key, rest.to_json()) if rest.versions else Op.delete(key)
            return Plan(found.version, [kept, *self._forget(state, subject, [found])])

        deleted = await self._writer.write(decide)
        log.info("version_deleted", subject=subject, version=deleted, permanent=permanent)
        return deleted

    async def _with_references(self, content: SchemaContent) -> None:
        """Have in the cache what the schema refers to, if it exists at all."""
        try:
            check_references(content, self._cache.state)
        except RegistryError:
            check_references(content, await self._cache.catch_up())

    async def _incompatibilities(
        self, state: RegistryState, level: CompatibilityLevel, parsed: ParsedSchema, earlier: Sequence[StoredVersion]
    ) -> list[str]:
        if level is CompatibilityLevel.NONE:
            return []
        ids = {each.version: each.id for each in (earlier if level.transitive else earlier[-1:])}
        read = {
            version: await self._reader.parse(state.schemas[schema_id].content, state)
            for version, schema_id in ids.items()
        }
        return [str(each) for each in find_incompatibilities(level, parsed, list(read), read.__getitem__)]

    def _forget(self, state: RegistryState, subject: str, versions: Sequence[StoredVersion]) -> list[Op]:
        """Deletes the contents that nothing else holds, as many as fit; :meth:`_sweep` takes the others."""
        gone = {(subject, each.version) for each in versions}
        orphans = {each.id for each in versions if set(state.uses(each.id)) <= gone}
        return [Op.delete(self._keys.schema(each)) for each in sorted(orphans)[: MAX_OPERATIONS - 2]]

    async def _sweep(self) -> None:
        async def decide(state: RegistryState) -> Plan[bool]:
            orphans = [each for each in state.schemas if not state.uses(each)]
            doomed = [Op.delete(self._keys.schema(each)) for each in orphans[:MAX_OPERATIONS]]
            return Plan(bool(doomed), doomed)

        while await self._writer.write(decide):
            pass


def _find_version(state: RegistryState, subject: str, fingerprint: str) -> StoredVersion | None:
    """The latest version of an equal schema; one that is not deleted before one that is."""
    schema_id = state.ids.get(fingerprint)
    stored = state.subjects.get(subject)
    if schema_id is None or stored is None:
        return None
    found = [each for each in stored.versions if each.id == schema_id]
    return max(found, key=lambda each: (not each.deleted, each.version), default=None)


def _select(state: RegistryState, subject: str, version: int, deleted: bool) -> SubjectVersion:
    stored = state.subjects.get(subject)
    if stored is None or not _visible(stored, deleted):
        raise subject_not_found(subject)
    shown = stored.versions if deleted else stored.active
    found = shown[-1] if version == LATEST else next((each for each in shown if each.version == version), None)
    if found is None:
        raise version_not_found(version)
    return _view(state, subject, found)


def _view(state: RegistryState, subject: str, version: StoredVersion) -> SubjectVersion:
    return SubjectVersion(subject, version.version, state.schemas[version.id], version.deleted)


def _visible(subject: StoredSubject | None, deleted: bool) -> bool:
    return subject is not None and bool(subject.versions if deleted else subject.active)


def _check_version(version: int) -> None:
    if version != LATEST and not 1 <= version <= _MAX_VERSION:
        raise invalid_version(str(version))


def _check_unused(state: RegistryState, subject: str, version: int) -> None:
    importers = state.importers(subject, version)
    if importers:
        raise references_exist(subject, version, importers)


def _raise(error: RegistryError) -> StoredVersion:
    raise error
