"""Avro names: which are valid, and how other names become so."""

from __future__ import annotations

import re
from collections.abc import Container

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_NAME = re.compile(rf"{_NAME.pattern}(\.{_NAME.pattern})*")
_INVALID = re.compile(r"[^A-Za-z0-9_]")


def is_name(text: str) -> bool:
    """Whether the text is an Avro name (Avro 1.12 specification, section "Names")."""
    return _NAME.fullmatch(text) is not None


def is_full_name(text: str) -> bool:
    """Whether the text is a dotted sequence of Avro names."""
    return _FULL_NAME.fullmatch(text) is not None


def sanitized(text: str) -> str:
    """The text as an Avro name: other characters become ``_``, and a leading digit or nothing gets one before it."""
    name = _INVALID.sub("_", text)
    return name if is_name(name) else f"_{name}"


def sanitized_full(text: str) -> str:
    """The text as a full name: each dotted part sanitized, empty parts dropped."""
    return ".".join(sanitized(part) for part in text.split(".") if part) or "_"


def unused(name: str, taken: Container[str]) -> str:
    """The name, or the first of ``name_2``, ``name_3``, … that is not taken."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def record_name(topic: str, *, is_key: bool) -> str:
    """The full name of the record type of a topic whose source gives none: ``<topic>.Key`` or ``<topic>.Value``."""
    return f"{sanitized_full(topic)}.{'Key' if is_key else 'Value'}"
