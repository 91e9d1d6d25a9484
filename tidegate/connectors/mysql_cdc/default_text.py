"""Constant defaults of columns, from statements and the catalogue, as the text in which queries give values."""

from __future__ import annotations

import decimal
import re

from tidegate.connectors.mysql_cdc.columns import Column
from tidegate.connectors.mysql_cdc.sql_tokens import Kind, Token

_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_NUMBERS = _INTEGERS | {"decimal", "float", "double", "year"}
_EXACT = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP)
_DATES = frozenset({"date", "datetime", "timestamp"})
_NO_DATE = re.compile(r"[0\-: .]+")
_TRUTH = {"TRUE": "1", "FALSE": "0"}


def default_text(column: Column, literal: Token) -> str | None:
    """A column's default as :attr:`Column.default` has it; None where the literal is none of its values.

    Args:
        column: with its type.
        literal: what stands behind DEFAULT.
    """
    number = _number(literal)
    if column.type == "bit":
        bits = column.length or 1
        if number is None or not 0 <= number < 1 << bits:
            return None
        return number.to_bytes((bits + 7) // 8, "big").decode("latin-1")
    if column.type in _NUMBERS:
        return _rounded(column, literal.text) if number is None else str(number)
    text = _text(literal)
    if text is None:
        return None
    if column.type == "binary":
        return text.ljust(column.length or 1, "\0")
    if column.type == "enum":
        return next((one for one in column.values if one.lower() == text.lower()), None)
    if column.type == "set":
        chosen = text.lower().split(",")
        return ",".join(one for one in column.values if one.lower() in chosen)
    if column.type in _DATES:
        if _NO_DATE.fullmatch(text):
            return "0000-00-00"
        # The moment that a text means is one of the session's time zone.
        return None if column.type == "timestamp" else text
    return text


def told_default(column: Column, text: str) -> str | None:
    """The same from the text that MySQL's catalogue has, where quotes are left out."""
    if column.is_text or column.type in _DATES or column.type == "time":
        return default_text(column, Token(Kind.STRING, text))
    if text.startswith("b'"):
        return default_text(column, Token(Kind.STRING, text[2:-1], "b"))
    if text.startswith("0x"):
        return default_text(column, Token(Kind.WORD, text))
    return default_text(column, Token(Kind.STRING if column.is_bytes else Kind.NUMBER, text))


def _number(literal: Token) -> int | None:
    """A whole number in any of its forms."""
    try:
        match literal:
            case Token(Kind.STRING, text, prefix) if prefix.lower() == "b":
                return int(text or "0", 2)
            case Token(Kind.STRING, text, prefix) if prefix.lower() == "x":
                return int(text or "0", 16)
            case Token(Kind.NUMBER, text):
                return int(text)
            case Token(Kind.WORD, text) if text.upper() in _TRUTH:
                return int(_TRUTH[text.upper()])
            case Token(Kind.WORD, text) if text[:2] in ("0x", "0b"):
                return int(text, 0)
    except ValueError:
        pass
    return None


def _rounded(column: Column, text: str) -> str | None:
    """A number as the column holds it."""
    if column.type not in _INTEGERS and column.type != "decimal":
        return text
    try:
        digits = _EXACT.scaleb(decimal.Decimal(1), -(column.scale or 0))
        return f"{_EXACT.quantize(decimal.Decimal(text), digits):f}"
    except decimal.InvalidOperation:
        return None


def _text(literal: Token) -> str | None:
    match literal:
        case Token(Kind.STRING, text, prefix) if prefix.lower() not in ("b", "x"):
            return text
        case Token(Kind.NUMBER, text):
            return text
        case Token(Kind.STRING, text, prefix) if prefix.lower() == "x":
            digits = text
        case Token(Kind.WORD, text) if text.startswith("0x"):
            digits = text[2:]
        case _:
            return None
    try:
        return bytes.fromhex(digits).decode("latin-1")
    except ValueError:
        return None
