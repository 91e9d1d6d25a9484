"""JSON as Python values."""

from __future__ import annotations

import json
from typing import Any

JsonValue = Any
"""What ``json.loads`` gives: None, bool, int, float, str, list or dict of those."""


def parse_json(text: str) -> JsonValue:
    """Parse strict JSON (RFC 8259).

    Raises:
        ValueError: the text is not JSON; says where, or is nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def compact_json(value: JsonValue, *, sort_keys: bool = False) -> str:
    """JSON without insignificant whitespace, non-ASCII characters as themselves.

    Raises:
        ValueError: the value holds half a surrogate pair, which no UTF-8 text can.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, sort_keys=sort_keys)
    text.encode()
    return text


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not JSON")
