"""ConfigDef: the one definition of a connector's keys; validation, defaults and reference docs come from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tidegate.errors import ConfigError, ConfigProblem

HIDDEN = "[hidden]"
_REFERENCE = re.compile(r"\$\{[^}]+\}")
_INT_RANGE = (-(2**31), 2**31 - 1)
_LONG_RANGE = (-(2**63), 2**63 - 1)


class Type(StrEnum):
    """Types of configuration values, Kafka's names."""

    BOOLEAN = "BOOLEAN"
    STRING = "STRING"
    INT = "INT"
    LONG = "LONG"
    DOUBLE = "DOUBLE"
    LIST = "LIST"
    CLASS = "CLASS"
    PASSWORD = "PASSWORD"  # noqa: S105 - the name of a type


class Importance(StrEnum):
    """How much a key matters to most users."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()
"""Default of keys that must be given."""

Validator = Callable[[Any], str | None]
"""Takes a parsed value, returns what is wrong with it and the remedy, or None."""


@dataclass(frozen=True)
class ConfigKey:
    """One key: see :meth:`ConfigDef.define`."""

    name: str
    type: Type
    default: Any
    importance: Importance
    doc: str
    validator: Validator | None = None
    group: str = ""
    recommended: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is REQUIRED

    def default_text(self) -> str | None:
        """The default as a user would write it; None when required or null."""
        if self.required or self.default is None:
            return None
        return value_text(self.type, self.default)


def value_text(type_: Type, value: Any) -> str:
    """A parsed value as configuration text."""
    if type_ is Type.BOOLEAN:
        return "true" if value else "false"
    if type_ is Type.LIST:
        return ",".join(value)
    return str(value)


def parse_value(key: ConfigKey, text: str) -> Any:
    """Parses configuration text.

    Raises:
        ValueError: with a message naming the problem and the remedy.
    """
    stripped = text.strip()
    match key.type:
        case Type.BOOLEAN:
            lowered = stripped.lower()
            if lowered not in ("true", "false"):
                raise ValueError(f"{text!r} is not a boolean: write true or false")
            return lowered == "true"
        case Type.INT | Type.LONG:
            low, high = _INT_RANGE if key.type is Type.INT else _LONG_RANGE
            try:
                number = int(stripped)
            except ValueError:
                raise ValueError(f"{text!r} is not a whole number: write digits such as 1000") from None
            if not low <= number <= high:
                raise ValueError(f"{number} does not fit {key.type}: write a number from {low} to {high}")
            return number
        case Type.DOUBLE:
            try:
                return float(stripped)
            except ValueError:
                raise ValueError(f"{text!r} is not a number: write one such as 0.5") from None
        case Type.LIST:
            return [part.strip() for part in stripped.split(",") if part.strip()]
        case Type.PASSWORD:
            return text
        case _:
            return stripped


class Config(Mapping[str, Any]):
    """Parsed values by key name, and the text they came from.

    Args:
        values: one parsed value a defined key.
        originals: the configuration as given, all keys as text.
    """

    def __init__(self, values: Mapping[str, Any], originals: Mapping[str, str]) -> None:
        self._values = dict(values)
        self.originals = dict(originals)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def with_prefix(self, prefix: str) -> dict[str, str]:
        """The given keys that start with ``prefix``, without it."""
        return {k[len(prefix) :]: v for k, v in self.originals.items() if k.startswith(prefix)}


@dataclass(frozen=True)
class ConfigValue:
    """One key of a validation: its definition, the value as text (password hidden) and what is wrong."""

    key: ConfigKey
    value: str | None
    errors: tuple[str, ...] = ()


@dataclass
class ConfigDef:
    """An ordered set of key definitions."""

    keys: dict[str, ConfigKey] = field(default_factory=dict)

    def define(
        self,
        name: str,
        type_: Type,
        default: Any,
        importance: Importance,
        doc: str,
        *,
        validator: Validator | None = None,
        group: str = "",
        recommended: Sequence[str] = (),
    ) -> ConfigDef:
        """Adds a key and returns self, for chaining.

        Args:
            name: dotted lower-case name.
            type_: type of the value.
            default: parsed default, None for "not set", or :data:`REQUIRED`.
            importance: how much it matters to most users.
            doc: what it does, what happens when it changes; one paragraph.
            validator: checks the parsed value; see :data:`Validator`.
            group: heading in docs and user interfaces.
            recommended: values worth offering.

        Raises:
            ValueError: the key is defined already.
        """
        if name in self.keys:
            raise ValueError(f"configuration key {name} is defined twice")
        self.keys[name] = ConfigKey(name, type_, default, importance, doc, validator, group, tuple(recommended))
        return self

    def merged(self, *others: ConfigDef) -> ConfigDef:
        """A new definition with the keys of all; a later definition of a key wins."""
        keys = dict(self.keys)
        for other in others:
            keys.update(other.keys)
        return ConfigDef(keys)

    def validate(self, config: Mapping[str, str | None]) -> list[ConfigValue]:
        """Checks every key and returns all of them with all that is wrong.

        A value that is a ``${provider:path:key}`` reference is not known here, so only its presence is checked.
        """
        return [self._check(key, config)[0] for key in self.keys.values()]

    def parse(self, config: Mapping[str, str]) -> Config:
        """Parses a configuration.

        Raises:
            ConfigError: with every problem.
        """
        values: dict[str, Any] = {}
        problems: list[ConfigProblem] = []
        for key in self.keys.values():
            checked, parsed = self._check(key, config)
            problems.extend(ConfigProblem(key.name, error) for error in checked.errors)
            values[key.name] = parsed
        if problems:
            raise ConfigError(problems)
        return Config(values, config)

    def _check(self, key: ConfigKey, config: Mapping[str, str | None]) -> tuple[ConfigValue, Any]:
        text = config.get(key.name)
        if text is None or (text.strip() == "" and key.required):
            if key.required:
                error = f"missing; it is required: {key.doc.split('. ')[0].rstrip('.')}"
                return ConfigValue(key, text, (error,)), None
            return ConfigValue(key, key.default_text()), key.default
        shown = HIDDEN if key.type is Type.PASSWORD and not _REFERENCE.fullmatch(text) else text
        if _REFERENCE.search(text):
            return ConfigValue(key, shown), text
        try:
            parsed = parse_value(key, text)
        except ValueError as error:
            return ConfigValue(key, shown, (str(error),)), None
        problem = key.validator(parsed) if key.validator else None
        return ConfigValue(key, shown, (problem,) if problem else ()), parsed


def one_of(*allowed: str) -> Validator:
    """Accepts only these texts."""

    def check(value: Any) -> str | None:
        return None if value in allowed else f"{value!r} is not known: use one of {', '.join(allowed)}"

    return check


def at_least(minimum: float) -> Validator:
    """Accepts numbers from ``minimum``."""

    def check(value: Any) -> str | None:
        return None if value is None or value >= minimum else f"{value} is too small: use {minimum} or more"

    return check


def between(minimum: float, maximum: float) -> Validator:
    """Accepts numbers from ``minimum`` to ``maximum``."""

    def check(value: Any) -> str | None:
        if value is None or minimum <= value <= maximum:
            return None
        return f"{value} is out of range: use a number from {minimum} to {maximum}"

    return check


def non_empty(value: Any) -> str | None:
    """Refuses empty text and empty lists."""
    return None if value is None or value else "is empty: give at least one value"
