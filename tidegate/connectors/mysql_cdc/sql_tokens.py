"""Words of a statement of MySQL or MariaDB."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    NAME = "quoted name"
    STRING = "string"
    NUMBER = "number"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Args:
        kind: what it is.
        text: a word as it is written; a name or string without quotes.
        prefix: of a string, what stands before its quote: ``x``, ``b``, ``n``, a character set.
    """

    kind: Kind
    text: str
    prefix: str = ""

    @property
    def upper(self) -> str:
        """A word in capitals; of what is no word, nothing."""
        return self.text.upper() if self.kind is Kind.WORD else ""


_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?(?![\w$])|\.\d+(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"[\w$@\x80-\U0010ffff]+")
_SPACE = re.compile(r"\s+|--(?=\s|$)[^\n]*|#[^\n]*")
_EXECUTED = re.compile(r"/\*M?!\d*")
_PREFIXED = re.compile(r"(?:[xXbBnN]|_\w+\s*)(?=')")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}


def tokens(statement: str, *, ansi_quotes: bool = False, backslashes: bool = True) -> list[Token]:
    """The words of a statement; what stands in comments for newer servers counts, other comments do not.

    Args:
        statement: text.
        ansi_quotes: whether double quotes are around names, as with ``sql_mode=ANSI_QUOTES``.
        backslashes: whether they escape, as without ``NO_BACKSLASH_ESCAPES``.
    """
    found: list[Token] = []
    before = ""
    at, end = 0, len(statement)
    while at < end:
        space = _SPACE.match(statement, at)
        if space is not None:
            at = space.end()
        elif (executed := _EXECUTED.match(statement, at)) is not None:
            at = executed.end()
        elif statement.startswith("*/", at):
            at += 2
        elif statement.startswith("/*", at):
            close = statement.find("*/", at + 2)
            at = end if close < 0 else close + 2
        elif (letter := statement[at]) == "`" or (letter == '"' and ansi_quotes):
            text, at = _quoted(statement, at, backslashes=False)
            found.append(Token(Kind.NAME, text))
        elif letter in "'\"":
            text, at = _quoted(statement, at, backslashes=backslashes)
            found.append(Token(Kind.STRING, text, before))
            before = ""
        elif (prefix := _PREFIXED.match(statement, at)) is not None:
            before, at = prefix[0].strip(), prefix.end()
        elif (match := _NUMBER.match(statement, at)) is not None:
            found.append(Token(Kind.NUMBER, match[0]))
            at = match.end()
        elif (match := _WORD.match(statement, at)) is not None:
            found.append(Token(Kind.WORD, match[0]))
            at = match.end()
        else:
            found.append(Token(Kind.SIGN, letter))
            at += 1
    return found


def _quoted(statement: str, at: int, *, backslashes: bool) -> tuple[str, int]:
    quote = statement[at]
    at += 1
    letters: list[str] = []
    while at < len(statement):
        letter = statement[at]
        if letter == quote:
            if statement[at + 1 : at + 2] != quote:
                return "".join(letters), at + 1
            at += 1
        elif letter == "\\" and backslashes and at + 1 < len(statement):
            at += 1
            letter = _ESCAPES.get(statement[at], statement[at])
        letters.append(letter)
        at += 1
    return "".join(letters), at
