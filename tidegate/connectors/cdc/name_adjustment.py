"""Names that Avro allows: ``schema.name.adjustment.mode`` and ``field.name.adjustment.mode``."""

from __future__ import annotations

import re
from collections.abc import Callable

MODES = ("none", "avro", "avro_unicode")

Adjust = Callable[[str], str]


def adjuster(mode: str, *, dots: bool) -> Adjust:
    """What makes a name one that Avro allows, as Debezium does it.

    Args:
        mode: ``none`` leaves names as they are; ``avro`` writes an underscore for each other letter, ``avro_unicode``
            the letter's number (``_u0020``), an underscore's as well, so that no two names become one.
        dots: whether names may have dots.
    """
    dot = "." if dots else ""
    if mode == "avro":
        other = re.compile(rf"[^A-Za-z0-9_{dot}]")
        return lambda name: other.sub("_", f"_{name}" if name[:1].isdigit() else name)
    if mode == "avro_unicode":
        escaped = re.compile(rf"[^A-Za-z0-9{dot}]")
        return lambda name: re.sub(r"^\d", _escape, escaped.sub(_escape, name))
    return unchanged


def unchanged(name: str) -> str:
    """The name as it is."""
    return name


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"_u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
