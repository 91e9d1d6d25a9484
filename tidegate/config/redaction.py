"""What a configuration's secrets and references stand for, taken out of texts again that people are shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tidegate.errors import ConfigError, ConfigProblem, FatalError, TidegateError

HIDDEN = "[hidden]"
_SHORTEST = 4
"""Shorter values are no secrets, and may be part of any word."""
_WORD = re.compile(r"[a-z]+")
_WITHIN_A_NAME = r"[\w/.-]"


class Redaction:
    """Knows values that only the process that uses them may see."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}

    def add(self, value: str, shown: str = HIDDEN) -> None:
        """Adds a value.

        Args:
            value: what is not to be seen.
            shown: what stands for it, such as its reference.
        """
        if len(value) >= _SHORTEST:
            self._shown.setdefault(value, shown)

    def hide(self, text: str) -> str:
        """The text with what stands for each value in its place."""
        for value in sorted(self._shown, key=len, reverse=True):
            shown = self._shown[value]
            if _WORD.fullmatch(value) and shown != HIDDEN:
                # Such as a user called tidegate, which is in every path of a traceback as well.
                pattern = f"(?<!{_WITHIN_A_NAME}){value}(?!{_WITHIN_A_NAME})"
                text = shown.join(re.split(pattern, text))
            else:
                text = text.replace(value, shown)
        return text

    @contextmanager
    def over_errors(self) -> Iterator[None]:
        """Takes the values out of the errors raised inside; one that is not ours becomes a FatalError.

        Raises:
            TidegateError: what was raised.
        """
        try:
            yield
        except ConfigError as error:
            raise ConfigError([ConfigProblem(each.key, self.hide(each.message)) for each in error.problems]) from None
        except TidegateError as error:
            error.message, error.remedy = self.hide(error.message), self.hide(error.remedy)
            error.args = (f"{error.message} {error.remedy}".rstrip(),)
            raise
        except Exception as error:
            raise FatalError(self.hide(f"the plugin failed: {type(error).__name__}: {error}")) from None
