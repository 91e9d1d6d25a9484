"""Paths to fields, in the two syntaxes of Kafka Connect (KIP-821)."""

from __future__ import annotations

from typing import Any

from tidegate.sdk.config_def import ConfigDef, Importance, Type

SYNTAX_VERSION = "field.syntax.version"


def syntax_version(config_def: ConfigDef) -> ConfigDef:
    """The key that chooses the syntax."""
    return config_def.define(
        SYNTAX_VERSION,
        Type.STRING,
        "V1",
        Importance.HIGH,
        "V1 names fields of the record itself. V2 reaches into nested records: names are joined by dots, and a name "
        "that holds dots stands in backticks, as in `foo.bar`.baz.",
        validator=_version_problem,
    )


def _version_problem(value: Any) -> str | None:
    return None if value.upper() in ("V1", "V2") else f"{value!r} is not known: use V1 or V2"


def steps(path: str, version: str) -> list[str]:
    """The names from the record down to the field.

    Args:
        path: as configured.
        version: ``V1`` or ``V2``.

    Raises:
        ValueError: a backtick is not closed.
    """
    if version.upper() == "V1":
        return [path]
    found: list[str] = []
    at = 0
    while at < len(path):
        name, at = _backticked(path, at) if path[at] == "`" else _bare(path, at)
        found.append(name)
    if path.endswith("."):
        found.append("")
    return found


def _bare(path: str, at: int) -> tuple[str, int]:
    end = path.find(".", at)
    return (path[at:], len(path)) if end < 0 else (path[at:end], end + 1)


def _backticked(path: str, opened: int) -> tuple[str, int]:
    """A name in backticks. One within counts as the end only before a dot or the end, unless a backslash escapes it."""
    name, start, at = "", opened + 1, opened + 1
    while True:
        at = path.find("`", at)
        escaped = at > 0 and path[at - 1] == "\\"
        if at < 0 or (escaped and at == len(path) - 1):
            raise ValueError(
                f"{path!r} has a backtick at {opened} that is not closed: close it, or escape it with a backslash"
            )
        if at == len(path) - 1:
            return name + path[start:at], at + 1
        if path[at + 1] != ".":
            at += 1
        elif escaped:
            name += path[start : at - 1] + "`"
            at += 1
            start = at
        else:
            return name + path[start:at], at + 2
