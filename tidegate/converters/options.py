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
