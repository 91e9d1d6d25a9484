"""Values in the log's packed forms."""

from __future__ import annotations

import datetime
import decimal
import json
import struct
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tidegate.connectors.mysql_cdc.charsets import decoded
from tidegate.connectors.mysql_cdc.json_binary import json_text
from tidegate.connectors.mysql_cdc.log_values import decimal_text, decimal_texts
from tidegate.connectors.mysql_cdc.moments import Moments
from tidegate.connectors.mysql_cdc.table_map import decimal_bytes
from tidegate.connectors.postgres_values.cells import PADDING, Cells

EPOCH = datetime.datetime.fromisoformat("1970-01-01")
MICRO = datetime.timedelta(microseconds=1)


def cells(values: list[bytes]) -> Cells:
    data = np.frombuffer(b"".join(values) + bytes(PADDING), np.uint8)
    lengths = np.array([len(one) for one in values], np.int32)
    return Cells(data, np.cumsum(lengths, dtype=np.int64) - lengths, lengths)


def packed_decimal(value: Decimal, precision: int, scale: int) -> bytes:
    """As MySQL's decimal2bin writes it."""
    sign, digits, _ = value.as_tuple()
    text = "".join(map(str, digits)).rjust(precision, "0")
    whole = precision - scale
    head, tail = text[:whole], text[whole:]
    first = whole % 9
    groups = [head[:first]] * bool(first) + [head[at : at + 9] for at in range(first, whole, 9)]
    groups += [tail[at : at + 9] for at in range(0, scale, 9)]
    sizes = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
    raw = b"".join(int(group).to_bytes(sizes[len(group)], "big") for group in groups)
    raw = bytes([raw[0] ^ 0x80]) + raw[1:]
    return bytes(255 - one for one in raw) if sign else raw


@st.composite
def decimals(draw: st.DrawFn) -> tuple[int, int, list[Decimal]]:
    precision = draw(st.integers(1, 65))
    scale = draw(st.integers(0, min(30, precision)))
    numbers = draw(st.lists(st.integers(-(10**precision) + 1, 10**precision - 1), min_size=1, max_size=5))
    with decimal.localcontext(prec=80):
        return precision, scale, [Decimal(one).scaleb(-scale) for one in numbers]


@given(decimals())
def test_decimals(case: tuple[int, int, list[Decimal]]) -> None:
    precision, scale, values = case
    packed = [packed_decimal(value, precision, scale) for value in values]
    assert {len(one) for one in packed} == {decimal_bytes(precision, scale)}
    found = decimal_texts(cells(packed), precision, scale).to_pylist()
    with decimal.localcontext(prec=80):
        assert [Decimal(text) for text in found] == values
    assert all(len(text.partition(".")[2]) == scale for text in found)


def packed_datetime(value: datetime.datetime, decimals: int) -> bytes:
    date = (value.year * 13 + value.month) << 5 | value.day
    packed = date << 17 | value.hour << 12 | value.minute << 6 | value.second
    width = (decimals + 1) // 2
    fraction = value.microsecond // (1, 10_000, 100, 1)[width]
    return (packed + 0x8000000000).to_bytes(5, "big") + fraction.to_bytes(width, "big")


@given(st.lists(st.datetimes(), min_size=1), st.integers(0, 6))
def test_datetimes(values: list[datetime.datetime], decimals: int) -> None:
    unit = 10 ** (6 - decimals)
    values = [value.replace(microsecond=value.microsecond // unit * unit) for value in values]
    found = Moments.of_datetimes(cells([packed_datetime(value, decimals) for value in values]), decimals)
    assert found.none is None
    assert found.micros.tolist() == [(value - EPOCH) // MICRO for value in values]
    text = Moments.of_text(pa.array([value.isoformat(" ") for value in values]))
    assert text.micros.tolist() == found.micros.tolist()


@given(st.lists(st.integers(-3_020_399_999_999, 3_020_399_999_999), min_size=1), st.integers(0, 6))
def test_times(values: list[int], decimals: int) -> None:
    unit, width = 10 ** (6 - decimals), (decimals + 1) // 2
    values = [abs(value) // unit * unit * (-1 if value < 0 else 1) for value in values]
    packed, texts = [], []
    for value in values:
        seconds, fraction = divmod(abs(value), 1_000_000)
        clock = seconds // 3600 << 12 | seconds // 60 % 60 << 6 | seconds % 60
        number = clock << 8 * width | fraction // (1, 10_000, 100, 1)[width]
        number = -number if value < 0 else number
        packed.append((number + (0x800000 << 8 * width)).to_bytes(3 + width, "big"))
        sign = "-" if value < 0 else ""
        texts.append(f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:06d}")
    assert Moments.of_times(cells(packed), decimals).micros.tolist() == values
    assert Moments.of_time_text(pa.array(texts)).micros.tolist() == values


def test_dates_that_do_not_exist() -> None:
    texts = ["0000-00-00", "2020-00-10", "2020-02-31", "2020-02-29", None]
    found = Moments.of_text(pa.array(texts))
    assert found.none is not None
    assert found.none.tolist() == [True, True, True, False, False]
    packed = [
        (year << 9 | month << 5 | day).to_bytes(3, "little")
        for year, month, day in ((2020, 2, 30), (0, 0, 0), (2020, 2, 29))
    ]
    of_log = Moments.of_dates(cells(packed))
    assert of_log.none is not None
    assert of_log.none.tolist() == [True, True, False]


# Documents as MySQL 8 writes them, by its own format's description.
def _text(value: str) -> bytes:
    data = value.encode()
    return bytes([len(data)]) + data


def _object(pairs: list[tuple[str, int, bytes]]) -> bytes:
    """A small object of values that stand outside or inline."""
    at = 4 + 4 * len(pairs) + 3 * len(pairs)
    keys = b"".join(key.encode() for key, _, _ in pairs)
    key_entries, value_entries, values = b"", b"", b""
    place = at
    for key, _, _ in pairs:
        key_entries += struct.pack("<HH", place, len(key.encode()))
        place += len(key.encode())
    for _, kind, value in pairs:
        if kind in (4, 5, 6):
            value_entries += bytes([kind]) + value.ljust(2, b"\0")
        else:
            value_entries += bytes([kind]) + struct.pack("<H", at + len(keys) + len(values))
            values += value
    body = key_entries + value_entries + keys + values
    return struct.pack("<HH", len(pairs), 4 + len(body)) + body


def test_binary_json() -> None:
    price = packed_decimal(Decimal("12.50"), 4, 2)
    inner = _object([("x", 5, struct.pack("<h", -7))])
    document = b"\x00" + _object(
        [
            ("a", 4, b"\x01"),
            ("b", 12, _text("ä\n")),
            ("c", 11, struct.pack("<d", 1.5)),
            ("d", 0, inner),
            ("e", 15, bytes([246, len(price) + 2, 4, 2]) + price),
            ("f", 4, b"\x00"),
            ("g", 10, struct.pack("<Q", 2**63)),
        ]
    )
    expected: dict[str, Any] = {"a": True, "b": "ä\n", "c": 1.5, "d": {"x": -7}, "e": 12.5, "f": None, "g": 2**63}
    assert json.loads(json_text(document, decimal_text)) == expected


def test_character_sets() -> None:
    assert decoded(pa.array([b"\xe4\x80\x81", None]), "latin1").to_pylist() == ["ä€\x81", None]
    assert decoded(pa.array(["ж".encode("koi8_r")]), "koi8r").to_pylist() == ["ж"]
    assert decoded(pa.array(["ж☃".encode("utf-16-be")]), "ucs2").to_pylist() == ["ж☃"]
    assert decoded(pa.array(["ж☃".encode()]), "utf8mb4").to_pylist() == ["ж☃"]
