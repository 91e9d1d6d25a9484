"""The keys of a connector's transforms and predicates: their definitions, their problems, and the chain they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tidegate.config.secrets import mentions_reference
from tidegate.converters.base import Converter
from tidegate.converters.plugins import converter
from tidegate.errors import ConfigError, ConfigProblem
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type
from tidegate.transforms.chain import Link, TransformChain
from tidegate.transforms.plugins import find_predicate, find_transform
from tidegate.transforms.predicate import Predicate
from tidegate.transforms.transform import Transform, TransformContext

_GROUP = "Transforms"


def _aliases_problem(value: Any) -> str | None:
    twice = sorted({alias for alias in value if value.count(alias) > 1})
    return f"names {', '.join(twice)} more than once: give each an alias of its own" if twice else None


TRANSFORM_KEYS = (
    ConfigDef()
    .define(
        "transforms",
        Type.LIST,
        [],
        Importance.LOW,
        "Aliases of the transforms applied to records, in order; each is configured below transforms.<alias>.",
        validator=_aliases_problem,
        group=_GROUP,
    )
    .define(
        "predicates",
        Type.LIST,
        [],
        Importance.LOW,
        "Aliases of the predicates that transforms may be bound to; each is configured below predicates.<alias>.",
        validator=_aliases_problem,
        group=_GROUP,
    )
    .define(
        "header.converter",
        Type.CLASS,
        "simple",
        Importance.LOW,
        "How values of headers that transforms add are written: simple, string, json, bytes, or the Java class they "
        "stand in for.",
        group="Converters",
        recommended=("simple", "string", "json", "bytes"),
    )
)
"""Keys every connector has for its transforms."""


def transform_definition(config: Mapping[str, str]) -> ConfigDef:
    """The keys of the transforms and predicates that a configuration names."""
    found = ConfigDef()
    for alias in _aliases(config, "transforms"):
        prefix, group = f"transforms.{alias}.", f"{_GROUP}: {alias}"
        found.define(f"{prefix}type", Type.CLASS, REQUIRED, Importance.HIGH, "The transform.", group=group)
        found.define(
            f"{prefix}predicate",
            Type.STRING,
            "",
            Importance.MEDIUM,
            "Alias of the predicate that chooses the records; all of them when empty.",
            group=group,
        )
        found.define(
            f"{prefix}negate",
            Type.BOOLEAN,
            False,
            Importance.MEDIUM,
            "Whether the transform is for the records the predicate does not choose.",
            group=group,
        )
        _extend(found, prefix, group, _transform_class(config, alias))
    for alias in _aliases(config, "predicates"):
        prefix, group = f"predicates.{alias}.", f"Predicates: {alias}"
        found.define(f"{prefix}type", Type.CLASS, REQUIRED, Importance.HIGH, "The predicate.", group=group)
        _extend(found, prefix, group, _predicate_class(config, alias))
    return found


def transform_problems(config: Mapping[str, str]) -> list[ConfigProblem]:
    """What single keys can not tell: unknown types and predicates, keys that do not go together."""
    problems: list[ConfigProblem] = []
    predicates = _aliases(config, "predicates")
    for alias in _aliases(config, "transforms"):
        prefix = f"transforms.{alias}."
        if config.get(f"{prefix}type"):
            try:
                kind = find_transform(config[f"{prefix}type"]).transform
                problems += _combined(kind, config, prefix)
            except ValueError as error:
                problems.append(ConfigProblem(f"{prefix}type", str(error)))
        bound = config.get(f"{prefix}predicate", "").strip()
        if bound and bound not in predicates:
            known = f"use one of {', '.join(predicates)}" if predicates else "name it in predicates"
            problems.append(ConfigProblem(f"{prefix}predicate", f"{bound!r} is no alias of predicates: {known}"))
        if not bound and f"{prefix}negate" in config:
            problems.append(ConfigProblem(f"{prefix}negate", f"needs {prefix}predicate, which is not given"))
    for alias in predicates:
        prefix = f"predicates.{alias}."
        if config.get(f"{prefix}type"):
            try:
                problems += _combined(find_predicate(config[f"{prefix}type"]), config, prefix)
            except ValueError as error:
                problems.append(ConfigProblem(f"{prefix}type", str(error)))
    try:
        header_converter(config)
    except ConfigError as error:
        problems += error.problems
    return problems


def transform_chain(config: Config) -> TransformChain:
    """The chain of a configuration that has been checked.

    Args:
        config: a connector's, secrets resolved.

    Raises:
        ConfigError: with every problem.
    """
    originals = config.originals
    problems = transform_problems(originals)
    if problems:
        raise ConfigError(problems)
    predicates = {alias: _predicate(originals, alias) for alias in _aliases(originals, "predicates")}
    links = []
    headers = header_converter(originals)
    for alias in _aliases(originals, "transforms"):
        prefix = f"transforms.{alias}."
        found = find_transform(originals[f"{prefix}type"])
        transform = found.transform()
        transform.configure(_parsed(found.transform, originals, prefix), TransformContext(found.side, headers))
        bound = originals.get(f"{prefix}predicate", "").strip()
        negate = originals.get(f"{prefix}negate", "").strip().lower() == "true"
        links.append(Link(alias, transform, predicates[bound] if bound else None, negate))
    return TransformChain(links)


def header_converter(config: Mapping[str, str]) -> Converter:
    """The converter of header values.

    Raises:
        ConfigError: on ``header.converter`` and its keys.
    """
    key = "header.converter"
    name = config.get(key, "").strip() or TRANSFORM_KEYS.keys[key].default
    made = converter(name, key)
    settings = {name[len(key) + 1 :]: text for name, text in config.items() if name.startswith(f"{key}.")}
    try:
        made.configure(settings, is_key=False, registry=None)
    except ConfigError as error:
        raise ConfigError([ConfigProblem(f"{key}.{each.key}", each.message) for each in error.problems]) from error
    return made


def _predicate(config: Mapping[str, str], alias: str) -> Predicate:
    kind = find_predicate(config[f"predicates.{alias}.type"])
    made = kind()
    made.configure(_parsed(kind, config, f"predicates.{alias}."))
    return made


def _aliases(config: Mapping[str, str], key: str) -> list[str]:
    given = [alias.strip() for alias in config.get(key, "").split(",")]
    return list(dict.fromkeys(alias for alias in given if alias))


def _extend(found: ConfigDef, prefix: str, group: str, kind: type[Transform] | type[Predicate] | None) -> None:
    for key in _own_keys(kind):
        name = f"{prefix}{key.name}"
        found.keys[name] = replace(key, name=name, group=group)


def _own_keys(kind: type[Transform] | type[Predicate] | None) -> Iterable[Any]:
    return kind.config_def.keys.values() if kind is not None else ()


def _transform_class(config: Mapping[str, str], alias: str) -> type[Transform] | None:
    try:
        return find_transform(config.get(f"transforms.{alias}.type", "")).transform
    except ValueError:
        return None


def _predicate_class(config: Mapping[str, str], alias: str) -> type[Predicate] | None:
    try:
        return find_predicate(config.get(f"predicates.{alias}.type", ""))
    except ValueError:
        return None


def _combined(kind: type[Transform] | type[Predicate], config: Mapping[str, str], prefix: str) -> list[ConfigProblem]:
    own = [name for name in config if name.startswith(prefix)]
    if any(mentions_reference(config[name]) for name in own):
        return []
    try:
        parsed = _parsed(kind, config, prefix)
    except ConfigError:
        return []
    return [ConfigProblem(f"{prefix}{each.key}", each.message) for each in kind.problems(parsed)]


def _parsed(kind: type[Transform] | type[Predicate], config: Mapping[str, str], prefix: str) -> Config:
    """Parses a transform's own keys.

    Raises:
        ConfigError: naming whole keys.
    """
    own = {name[len(prefix) :]: text for name, text in config.items() if name.startswith(prefix)}
    try:
        return kind.config_def.parse(own)
    except ConfigError as error:
        raise ConfigError([ConfigProblem(f"{prefix}{each.key}", each.message) for each in error.problems]) from error
