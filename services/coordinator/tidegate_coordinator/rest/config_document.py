"""Configurations as documents: which values are text, and what is wrong with the others. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tidegate.errors import ConfigError, ConfigProblem

_KINDS = {list: "a list", dict: "an object", type(None): "null", str: "text", bool: "a boolean"}


def as_object(document: Any, what: str, known: Collection[str] | None = None) -> dict[str, Any]:
    """The document as an object.

    Args:
        document: what was parsed.
        what: what it is, for the message.
        known: the fields it may have; None for any.

    Raises:
        ConfigError: it is something else, or has other fields.
    """
    if not isinstance(document, dict):
        raise ConfigError([ConfigProblem(what, f"is {_kind(document)}, not an object. Send an object.")])
    found = {str(key): value for key, value in document.items()}
    if known is not None and not found.keys() <= set(known):
        problem = f"is not a field of the {what}. Its fields are: {', '.join(known)}."
        raise ConfigError([ConfigProblem(key, problem) for key in found if key not in known])
    return found


def as_config(document: Any, what: str = "config") -> dict[str, str]:
    """The document as a connector configuration; booleans become ``true`` and ``false``.

    Raises:
        ConfigError: it is no object, or values are null, lists or objects; every one of them.
    """
    values = as_object(document, what)
    problems = [
        ConfigProblem(key, f"is {_kind(value)}, and values of a configuration are text. {_REMEDIES[type(value)]}")
        for key, value in values.items()
        if type(value) in _REMEDIES
    ]
    if problems:
        raise ConfigError(problems)
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()}


def as_patch(document: Any) -> dict[str, str | None]:
    """The same where null is allowed: it removes the key (KIP-477).

    Raises:
        ConfigError: it is no object, or values are lists or objects.
    """
    values = as_object(document, "config")
    given = as_config({key: value for key, value in values.items() if value is not None})
    return {key: given.get(key) for key in values}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "a number")


_REMEDIES = {
    type(None): "Give a value, or leave the key out.",
    list: "Write a list as one text, with commas.",
    dict: "Write its entries as keys of their own, with dots.",
}
