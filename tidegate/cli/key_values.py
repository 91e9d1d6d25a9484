"""Options that are given as ``key=value``, several times. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.errors import ConfigError, ConfigProblem


def key_values(option: str, given: Iterable[str]) -> dict[str, str]:
    """What such an option says; the last value of a key counts.

    Args:
        option: its name, for the error.
        given: each use of it.

    Raises:
        ConfigError: a use has no ``=``.
    """
    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError([ConfigProblem(option, f"{text!r} is not key=value.")])
        found[key.strip()] = value.strip()
    return found
