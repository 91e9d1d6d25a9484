"""Which transform or predicate a configuration names."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from tidegate.transforms.predicate import Predicate
from tidegate.transforms.side import Side
from tidegate.transforms.transform import Transform

TRANSFORMS = "tidegate.transforms"
"""Entry-point group of transforms: ``name = "module:Class"``."""
PREDICATES = "tidegate.predicates"
"""Entry-point group of predicates."""

_BASES: dict[str, type[Any]] = {TRANSFORMS: Transform, PREDICATES: Predicate}
_SIDES = {"Key": Side.KEY, "Value": Side.VALUE}


@dataclass(frozen=True, slots=True)
class TransformType:
    """What ``transforms.<alias>.type`` names.

    Args:
        transform: the class.
        side: the half of the record it is for.
    """

    transform: type[Transform]
    side: Side


def find_transform(name: str) -> TransformType:
    """The transform of a name, a Java class or a ``module:Class`` path, with ``$Key`` or ``$Value`` where it has sides.

    Raises:
        ValueError: there is none, or its side is missing; with the remedy.
    """
    base, dollar, ending = name.strip().rpartition("$")
    side = _SIDES.get(ending) if dollar else None
    found: type[Transform] = _find(TRANSFORMS, base if side else name.strip())
    if found.sided and side is None:
        raise ValueError(f"{name!r} does not say what it is for: write {found.name}$Key or {found.name}$Value")
    if not found.sided and side is not None:
        raise ValueError(f"{name!r} is for whole records: write {base!r}")
    return TransformType(found, side or Side.VALUE)


def find_predicate(name: str) -> type[Predicate]:
    """The predicate of a name, a Java class or a ``module:Class`` path.

    Raises:
        ValueError: there is none; with the remedy.
    """
    found: type[Predicate] = _find(PREDICATES, name.strip())
    return found


def installed_transforms() -> list[type[Transform]]:
    """Every transform that loads, by name."""
    return list(_installed(TRANSFORMS).by_name.values())


def installed_predicates() -> list[type[Predicate]]:
    """Every predicate that loads, by name."""
    return list(_installed(PREDICATES).by_name.values())


@dataclass(frozen=True, slots=True)
class _Installed:
    by_name: dict[str, type[Any]]
    by_alias: dict[str, type[Any]]
    broken: dict[str, str]


@functools.cache
def _installed(group: str) -> _Installed:
    found: dict[str, type[Any]] = {}
    aliases: dict[str, type[Any]] = {}
    broken: dict[str, str] = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            loaded = _checked(_BASES[group], point.load())
        except Exception as error:  # a foreign package may fail in any way at import
            broken[point.name] = f"{point.value} does not load: {type(error).__name__}: {error}"
            continue
        found[point.name] = loaded
        for alias in loaded.aliases:
            aliases.setdefault(alias, loaded)
    return _Installed(found, aliases, broken)


def _find(group: str, wanted: str) -> type[Any]:
    known = _installed(group)
    found = known.by_name.get(wanted) or known.by_alias.get(wanted)
    if found is not None:
        return found
    if wanted in known.broken:
        raise ValueError(f"{wanted!r} is installed but unusable: {known.broken[wanted]}")
    if ":" in wanted:
        return _by_path(_BASES[group], wanted)
    names = [*known.by_name, *known.by_alias]
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(
        f"{wanted!r} is not installed here: use one of {', '.join(known.by_name)}, or the path of a class as "
        f"module:Class.{guess}"
    )


def _by_path(base: type[Any], path: str) -> type[Any]:
    module, _, name = path.partition(":")
    try:
        return _checked(base, getattr(importlib.import_module(module), name))
    except Exception as error:  # a foreign module may fail in any way at import
        raise ValueError(f"{path!r} does not load: {type(error).__name__}: {error}") from error


def _checked(base: type[Any], loaded: Any) -> type[Any]:
    if not inspect.isclass(loaded) or not issubclass(loaded, base):
        raise TypeError(f"{loaded!r} does not derive from {base.__name__}")
    missing = [attribute for attribute in ("name", "config_def") if not hasattr(loaded, attribute)]
    if missing:
        raise TypeError(f"class {loaded.__qualname__} lacks {', '.join(missing)}")
    return loaded
