"""A row of a column as JSON text: how a source's halted record is kept and a preview is shown."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import uuid
from typing import Any

import orjson
import pyarrow as pa


def row_json(column: pa.Array, row: int) -> bytes | None:
    """One value as JSON; null is None. Decimals and dates are text, bytes are base64."""
    value = column[row].as_py()
    return None if value is None else orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    match value:
        case decimal.Decimal() | uuid.UUID():
            return str(value)
        case dt.timedelta():
            return value.total_seconds()
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return repr(value)
