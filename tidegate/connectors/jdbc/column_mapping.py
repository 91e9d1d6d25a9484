"""Columns given by patterns of tables' names: ``incrementing.column.mapping`` and ``timestamp.columns.mapping``."""

from __future__ import annotations

import re
from collections.abc import Sequence


def parsed_mapping(text: str) -> tuple[str, Sequence[str]]:
    """The pattern and the columns of ``pattern:column`` or ``pattern:[column|column]``.

    Raises:
        ValueError: it is neither; the message says what to write.
    """
    pattern, colon, rest = text.rpartition(":")
    bracketed = rest.startswith("[") and rest.endswith("]")
    columns = tuple(part.strip() for part in (rest[1:-1].split("|") if bracketed else [rest]))
    if not colon or not pattern or not all(columns):
        raise ValueError(f"{text!r} is no mapping: use pattern:column, or pattern:[column|column] for timestamps")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression ({error})") from None
    return pattern, columns
