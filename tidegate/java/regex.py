"""Java's regular expressions and replacement texts, in Python's.

Source: the documentation of ``java.util.regex.Pattern`` and ``Matcher.replaceFirst`` (Java SE 21).
"""

from __future__ import annotations

import re

_NAMED_GROUP = re.compile(r"(?<!\\)((?:\\\\)*)\(\?<([A-Za-z][A-Za-z0-9]*)>")
_NAMED_REFERENCE = re.compile(r"(?<!\\)((?:\\\\)*)\\k<([A-Za-z][A-Za-z0-9]*)>")
_CLASSES = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7f",
    "Alpha": "A-Za-z",
    "Digit": "0-9",
    "Alnum": "A-Za-z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0b\f\r",
    "Blank": r" \t",
}
_CLASS = re.compile(r"(?<!\\)((?:\\\\)*)\\p\{(" + "|".join(_CLASSES) + r")\}")


def java_pattern(text: str) -> re.Pattern[str]:
    """A Java pattern, compiled.

    ``\\d``, ``\\w`` and ``\\s`` mean ASCII, as in Java.

    Raises:
        ValueError: it is none that Python can compile, with the reason.
    """
    translated = _NAMED_GROUP.sub(r"\1(?P<\2>", text)
    translated = _NAMED_REFERENCE.sub(r"\1(?P=\2)", translated)
    translated = _CLASS.sub(_posix, translated)
    translated = re.sub(r"\\z", r"\\Z", translated)
    try:
        return re.compile(translated, re.ASCII)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None


def _posix(found: re.Match[str]) -> str:
    opened = found.string.rfind("[", 0, found.start()) > found.string.rfind("]", 0, found.start())
    return f"{found[1]}{_CLASSES[found[2]]}" if opened else f"{found[1]}[{_CLASSES[found[2]]}]"


def expand(replacement: str, match: re.Match[str]) -> str:
    """What ``Matcher.replaceFirst`` puts in place of a match: ``$1`` and ``${name}`` are groups, ``\\`` quotes.

    Raises:
        ValueError: the replacement names a group the pattern lacks, or ends within a reference.
    """
    result, at = "", 0
    while at < len(replacement):
        letter = replacement[at]
        if letter == "\\":
            if at + 1 == len(replacement):
                raise ValueError(f"{replacement!r} ends in a backslash: write two for one")
            result += replacement[at + 1]
            at += 2
        elif letter == "$":
            text, at = _group(replacement, at + 1, match)
            result += text
        else:
            result += letter
            at += 1
    return result


def _group(replacement: str, at: int, match: re.Match[str]) -> tuple[str, int]:
    rest = replacement[at:]
    named = re.match(r"\{([A-Za-z][A-Za-z0-9]*)\}", rest)
    if named:
        if named[1] not in match.re.groupindex:
            raise ValueError(f"{replacement!r} names the group {named[1]!r}, which the pattern does not have")
        return match[named[1]] or "", at + named.end()
    digits = re.match(r"[0-9]+", rest)
    if not digits:
        raise ValueError(f"{replacement!r} has a $ without a group: write \\$ for a dollar sign")
    # As many digits as still name a group of the pattern.
    length = next((n for n in range(len(digits[0]), 0, -1) if int(rest[:n]) <= match.re.groups), 0)
    if not length:
        raise ValueError(f"{replacement!r} names group {rest[0]}, and the pattern has {match.re.groups}")
    return match[int(rest[:length])] or "", at + length
