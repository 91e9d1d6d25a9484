"""Whether a schema may follow the earlier versions of its subject."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tidegate_registry.schemas.incompatibility import Incompatibility, Sides
from tidegate_registry.schemas.level import CompatibilityLevel
from tidegate_registry.schemas.parsed import ParsedSchema


def find_incompatibilities(
    level: CompatibilityLevel,
    schema: ParsedSchema,
    earlier: Sequence[int],
    read: Callable[[int], ParsedSchema],
) -> list[Incompatibility]:
    """Every reason why ``schema`` may not be registered; empty if it may.

    Args:
        level: the subject's compatibility level.
        schema: the new schema.
        earlier: the subject's versions, ascending; without deleted ones.
        read: gives the schema of a version.
    """
    if level is CompatibilityLevel.NONE:
        return []
    found: list[Incompatibility] = []
    for version in reversed(earlier if level.transitive else earlier[-1:]):
        old = read(version)
        if old.type is not schema.type:
            problem = f"the new schema is written in {schema.type} and version {version} in {old.type}"
            found.append(Incompatibility("SCHEMA_TYPE_CHANGED", "/", problem, "keep the language"))
            continue
        try:
            if level.new_reads_old:
                found.extend(schema.find_unreadable(old, Sides.backward(version)))
            if level.old_reads_new:
                found.extend(old.find_unreadable(schema, Sides.forward(version)))
        except RecursionError:
            problem = f"the new schema and version {version} are nested too deeply to be compared"
            found.append(Incompatibility("NESTED_TOO_DEEPLY", "/", problem, "flatten the schema"))
    return found
