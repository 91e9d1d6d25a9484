"""Lists of names in Debezium's configuration: regular expressions between commas, for the whole name, in any case."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tidegate.java.regex import java_pattern

_COMMA = re.compile(r"(?<!\\),")


class NamePatterns:
    """A list of patterns.

    Args:
        text: regular expressions of Java between commas; a backslash before a comma makes it part of the expression.

    Raises:
        ValueError: one is no regular expression, with the reason.
    """

    def __init__(self, text: str) -> None:
        self.texts: Sequence[str] = [part.strip().replace("\\,", ",") for part in _COMMA.split(text) if part.strip()]
        self._patterns = [re.compile(java_pattern(part).pattern, re.ASCII | re.IGNORECASE) for part in self.texts]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def match(self, name: str) -> bool:
        """Whether one of them matches the whole name."""
        return any(pattern.fullmatch(name) for pattern in self._patterns)


def patterns_problem(text: str | None) -> str | None:
    """What is wrong with a list of patterns; a validator of configuration keys."""
    try:
        NamePatterns(text or "")
    except ValueError as error:
        return f"{error}: write regular expressions between commas, such as public.orders,sales.*"
    return None
