"""The schema that a dead letter should have had: which version of its subject, and what form that has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from tidegate.converters.registry_converter import RegistryConverter
from tidegate.dlq.difference import differences
from tidegate.errors import FatalError
from tidegate.registry_client import RegisteredSchema, RegistryClient, SchemaNotFoundError

_MOST_VERSIONS = 50


@dataclass(frozen=True, slots=True)
class Expected:
    """A version of a subject.

    Args:
        registered: the schema.
        field: its form; None where it leaves that to each value.
    """

    registered: RegisteredSchema
    field: pa.Field | None


class ExpectedSchemas:
    """Looks versions up, and keeps them.

    Args:
        registry: asked.
        version: the only version to be used; None leaves the choice.
    """

    def __init__(self, registry: RegistryClient, version: int | None = None) -> None:
        self._registry = registry
        self._version = version
        self._known: dict[tuple[str, str], list[Expected]] = {}

    def nearest(
        self,
        converter: RegistryConverter,
        subject: str,
        type_: pa.DataType | None,
        *,
        record: str = "",
        but: int | None = None,
        path: str = "",
    ) -> Expected | None:
        """The version other than the one of an id that a record differs least from, the newest of equals.

        Args:
            converter: of the subject's language.
            subject: the subject.
            type_: the record's; None if it is not known.
            record: name of its type; empty if it is not known.
            but: the id that the record itself names.
            path: the field it was halted for; a version that has it is preferred.

        Returns:
            None if there is no other version.
        """
        others = [each for each in self._versions(converter, subject, record) if each.registered.id != but]
        if type_ is None or not others:
            return others[0] if others else None
        return min(others, key=lambda each: _distance(each, type_, path))

    def holding(self, converter: RegistryConverter, subject: str, type_: pa.DataType, record: str = "") -> Expected:
        """The version that has a place for each field of a type, asks for no other and differs least from it.

        Of equals it is the newest; if there is none, the newest of all.

        Raises:
            SchemaNotFoundError: the subject has no such version.
        """
        versions = self._versions(converter, subject, record)
        if not versions:
            wanted = f"version {self._version}" if self._version else "version"
            raise SchemaNotFoundError(
                f"Subject {subject} has no {wanted} to write repaired records with.",
                remedy="Name another topic with --to, or let the connector write its schema first.",
            )
        holding = [(each, each.field.type) for each in versions if each.field and _holds(each.field.type, type_)]
        if not holding:
            return versions[0]
        return min(holding, key=lambda each: len(differences(type_, each[1])))[0]

    def _versions(self, converter: RegistryConverter, subject: str, record: str) -> list[Expected]:
        if (subject, record) not in self._known:
            self._known[subject, record] = list(self._look_up(converter, subject, record))
        return self._known[subject, record]

    def _look_up(self, converter: RegistryConverter, subject: str, record: str) -> Iterator[Expected]:
        try:
            if self._version is not None:
                yield _expected(converter, self._registry.version(subject, self._version), record)
                return
            latest = self._registry.latest(subject)
        except SchemaNotFoundError:
            return
        yield _expected(converter, latest, record)
        for version in range(latest.version - 1, max(0, latest.version - _MOST_VERSIONS), -1):
            try:
                yield _expected(converter, self._registry.version(subject, version), record)
            except SchemaNotFoundError:
                continue


def _expected(converter: RegistryConverter, registered: RegisteredSchema, record: str) -> Expected:
    try:
        field = converter.form(registered.schema, record)
    except FatalError:
        return Expected(registered, None)
    if field is not None and registered.schema.type == "PROTOBUF" and pa.types.is_struct(field.type):
        # A message without a field has the field's default.
        field = field.with_type(pa.struct([child.with_nullable(True) for child in field.type]))
    return Expected(registered, field)


def _distance(each: Expected, type_: pa.DataType, path: str) -> tuple[bool, int]:
    if each.field is None:
        return True, 0
    expected = each.field.type
    first = path.partition(".")[0]
    lacks = bool(first) and not (pa.types.is_struct(expected) and expected.get_field_index(first) >= 0)
    return lacks, len(differences(type_, expected))


def _holds(schema: pa.DataType, record: pa.DataType) -> bool:
    if not (pa.types.is_struct(schema) and pa.types.is_struct(record)):
        return True
    names = {field.name for field in record}
    required = {field.name for field in schema if not field.nullable}
    return required <= names <= {field.name for field in schema}
