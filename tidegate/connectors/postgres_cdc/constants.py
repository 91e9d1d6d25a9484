"""Constants in the catalogue's text of default expressions.

The text is parsed and never run: what a default may call is code of the database's users. A constant stands in it as
its type's own output, which is the form that values have in the stream as well.
"""

from __future__ import annotations

import re

_NAME = r'(?:\w+|"(?:[^"]|"")*")'
_TYPE = (
    r"(?:(?:character|bit) varying|double precision|time(?:stamp)?(?:\(\d\))? with(?:out)? time zone|interval[\w ]*|"
    rf"{_NAME}(?:\.{_NAME})?)(?:\([\d,]+\))?(?:\[\])*"
)
_LITERAL = re.compile(rf"B?'((?:[^']|'')*)'((?:::{_TYPE})*)")
_NUMBER = re.compile(rf"\(?(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\)?(?:::{_TYPE})?")
_EMPTY_ARRAY = re.compile(rf"ARRAY\[\]::{_TYPE}")
_BOOLEANS = {"true": "t", "false": "f"}
_ZONED = ("timestamptz", "timetz")


def constant_text(expression: str, type_name: str) -> str | None:
    """The text of a column's default; None where it is no constant, or null.

    Args:
        expression: as ``pg_get_expr`` gives it, such as ``'open'::text`` or ``0``.
        type_name: of the column, such as ``int4``.
    """
    if expression in _BOOLEANS:
        return _BOOLEANS[expression] if type_name == "bool" else expression
    if number := _NUMBER.fullmatch(expression):
        return number[1]
    if _EMPTY_ARRAY.fullmatch(expression):
        return "{}"
    literal = _LITERAL.fullmatch(expression)
    if literal is None:
        return None
    if type_name in _ZONED and "with time zone" not in literal[2]:
        # The zone would be that of the session that inserts a row.
        return None
    return literal[1].replace("''", "'")
