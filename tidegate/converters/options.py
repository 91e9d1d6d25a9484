"""Reading a converter's configuration values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidegate.errors import ConfigError, ConfigProblem


def boolean(config: Mapping[str, str], key: str, default: bool) -> bool:
    """The value of a key that is ``true`` or ``false``.

    Raises:
        ConfigError: it is neither.
    """
    text = config.get(key)
    if text is None:
        return default
    lowered = text.strip().lower()
    if lowered not in ("true", "false"):
        raise ConfigError([ConfigProblem(key, f"{text!r} is not a boolean: write true or false")])
    return lowered == "true"


def nulls_stay(config: Mapping[str, str], key: str, *, value: bool) -> None:
    """Refuses a configuration in which nulls become defaults: Kafka Connect's converters falsify data so.

    Args:
        config: the converter's configuration.
        key: which says so in Kafka Connect.
        value: what it has to be, if it is given.

    Raises:
        ConfigError: it is the other one.
    """
    if boolean(config, key, value) != value:
        wanted = "true" if value else "false"
        raise ConfigError([ConfigProblem(key, f"would make nulls defaults, and a null is a value: write {wanted}")])


def choice(config: Mapping[str, str], keys: Sequence[str], allowed: Sequence[str]) -> str:
    """The value of the first given of some keys, which may be a Java class name ending in an allowed word.

    Args:
        config: the converter's configuration.
        keys: synonyms.
        allowed: words; the first is the default.

    Raises:
        ConfigError: the value is none of them.
    """
    for key in keys:
        text = config.get(key)
        if text is None:
            continue
        word = text.strip().rpartition(".")[2]
        for candidate in allowed:
            if word.lower() == candidate.lower():
                return candidate
        raise ConfigError([ConfigProblem(key, f"{text!r} is not known: use one of {', '.join(allowed)}")])
    return allowed[0]
