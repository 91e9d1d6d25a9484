"""A validator of keys that hold a Java regular expression."""

from __future__ import annotations

from typing import Any

from tidegate.java.regex import java_pattern


def regex_problem(value: Any) -> str | None:
    """What is wrong with a pattern, or None."""
    if not value:
        return "is empty: give a regular expression"
    try:
        java_pattern(value)
    except ValueError as error:
        return str(error)
    return None
