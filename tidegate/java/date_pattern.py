"""Patterns of Java's ``SimpleDateFormat``, as a sequence of letters with counts and literal text.

Source: the documentation of ``java.text.SimpleDateFormat`` (Java SE 21).
"""

from __future__ import annotations

from dataclasses import dataclass

LETTERS = "GyYMLwWDdFEuaHkKhmsSzZX"


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a pattern.

    Args:
        letter: the pattern letter; empty for literal text.
        count: how often it is repeated.
        text: the literal text.
    """

    letter: str
    count: int = 0
    text: str = ""

    @property
    def is_number(self) -> bool:
        """Whether it stands for digits."""
        if self.letter in ("M", "L"):
            return self.count <= 2
        return bool(self.letter) and self.letter not in "GEazZX"


def tokens(pattern: str) -> list[Token]:
    """Splits a pattern.

    Raises:
        ValueError: an unknown letter, an open quote, or too many letters for a zone.
    """
    found: list[Token] = []
    literal = ""
    at = 0

    def flush() -> None:
        nonlocal literal
        if literal:
            found.append(Token("", text=literal))
            literal = ""

    while at < len(pattern):
        letter = pattern[at]
        if letter == "'":
            text, at = _quoted(pattern, at)
            literal += text
        elif letter.isascii() and letter.isalpha():
            if letter not in LETTERS:
                raise ValueError(
                    f"{pattern!r} holds {letter!r}, which is no letter of a date pattern: put text in quotes"
                )
            end = at
            while end < len(pattern) and pattern[end] == letter:
                end += 1
            if letter == "X" and end - at > 3:
                raise ValueError(f"{pattern!r} has {end - at} letters X in a row: there may be three")
            flush()
            found.append(Token(letter, end - at))
            at = end
        else:
            literal += letter
            at += 1
    flush()
    return found


def _quoted(pattern: str, at: int) -> tuple[str, int]:
    """The text of a quotation that begins at ``at``, and where it ends; two quotes are one quote."""
    if pattern[at : at + 2] == "''":
        return "'", at + 2
    text = ""
    at += 1
    while at < len(pattern):
        if pattern[at] != "'":
            text += pattern[at]
            at += 1
        elif pattern[at : at + 2] == "''":
            text += "'"
            at += 2
        else:
            return text, at + 1
    raise ValueError(f"{pattern!r} has a quote that is not closed")
