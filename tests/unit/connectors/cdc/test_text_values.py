"""PostgreSQL's text of values: columns cast at once and values read one by one are the same."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.connectors.postgres_cdc import text_values as read
from tidegate.connectors.postgres_cdc.column_types import Modes, PgType, column_type, placeholder, zero

# A value that no cast takes, which makes its whole column be read one by one.
_ODD = "0044-03-15 00:00:00 BC"
_MOMENTS = st.datetimes()


def shown(moment: datetime.datetime, suffix: str = "") -> str:
    """A moment as PostgreSQL writes it: without trailing zeros."""
    text = f"{moment:%H:%M:%S}" + (f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else "")
    return f"{moment.year:04d}-{moment:%m-%d} {text}{suffix}"


@given(st.lists(st.one_of(st.none(), _MOMENTS), max_size=5))
def test_timestamps(moments: list[datetime.datetime | None]) -> None:
    text = pa.array([None if one is None else shown(one) for one in moments], pa.string())
    reader = read.timestamp(pa.timestamp("us"))
    found = reader(text)
    assert found.to_pylist() == moments
    assert reader(pa.concat_arrays([text, pa.array([_ODD])])).slice(0, len(moments)) == found


@given(st.lists(st.one_of(st.none(), _MOMENTS), max_size=5), st.integers(0, 6))
def test_zoned_timestamps(moments: list[datetime.datetime | None], precision: int) -> None:
    unit = 10 ** (6 - precision)
    cut = [None if one is None else one.replace(microsecond=one.microsecond // unit * unit) for one in moments]
    text = pa.array([None if one is None else shown(one, "+00") for one in cut], pa.string())
    reader = read.zoned_timestamp(precision)
    found = reader(text)
    for one, value in zip(cut, found.to_pylist(), strict=True):
        assert (one is None) == (value is None)
        if one is not None:
            assert datetime.datetime.fromisoformat(value).replace(tzinfo=None) == one
            assert len(value) == 20 + (precision + 1 if precision else 0)
    assert reader(pa.concat_arrays([text, pa.array([f"{_ODD[:-3]}+00 BC"])])).slice(0, len(cut)) == found


@given(st.lists(st.one_of(st.none(), st.dates()), max_size=5))
def test_dates(days: list[datetime.date | None]) -> None:
    text = pa.array([None if one is None else one.isoformat() for one in days], pa.string())
    found = read.date(text)
    assert found.to_pylist() == days
    assert read.date(pa.concat_arrays([text, pa.array(["infinity"])])).slice(0, len(days)) == found


@given(st.lists(st.one_of(st.none(), st.times()), max_size=5))
def test_times(times: list[datetime.time | None]) -> None:
    text = pa.array([None if one is None else one.isoformat() for one in times], pa.string())
    reader = read.time(pa.time64("us"))
    found = reader(text)
    assert found.to_pylist() == times
    assert reader(pa.concat_arrays([text, pa.array(["24:00:00"])])).slice(0, len(times)) == found


@given(
    st.lists(
        st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))), max_size=5
    )
)
def test_arrays_of_texts(values: list[str | None]) -> None:
    def element(value: str | None) -> str:
        if value is None:
            return "NULL"
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    assert read.array_elements("{" + ",".join(map(element, values)) + "}") == values


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**20), max_value=10**20))
def test_decimals_of_their_own_scale(value: Decimal) -> None:
    kind = column_type(PgType(1700, "numeric"), -1, Modes())
    (found,) = kind.read(pa.array([format(value, "f")])).to_pylist()
    assert Decimal(int.from_bytes(found["value"], "big", signed=True)).scaleb(-found["scale"]) == value


@pytest.mark.parametrize(
    ("text", "micros", "iso"),
    [
        ("P1Y2M3DT4H5M6.5S", 37091106500000, "P1Y2M3DT4H5M6.5S"),
        ("PT-1H", -3_600_000_000, "P0Y0M0DT-1H0M0S"),
        ("PT0S", 0, "P0Y0M0DT0H0M0S"),
    ],
)
def test_intervals(text: str, micros: int, iso: str) -> None:
    assert read.interval_micros(text) == micros
    assert read.interval_text(text) == iso


def test_hstore() -> None:
    text = '"a"=>"1", "b c"=>NULL, "q\\"x"=>"y\\\\"'
    assert read.hstore_map(text) == {"a": "1", "b c": None, 'q"x': "y\\"}
    assert read.hstore_json('"a"=>"1"') == '{"a":"1"}'


def test_a_decimal_that_is_none_is_told_with_the_remedy() -> None:
    kind = column_type(PgType(1700, "numeric"), ((10 << 16) | 2) + 4, Modes())
    with pytest.raises(ValueError, match=r"decimal\.handling\.mode"):
        kind.read(pa.array(["NaN"]))


@pytest.mark.parametrize(
    ("modes", "name", "kind"),
    [
        (Modes(decimals="double"), "numeric", pa.float64()),
        (Modes(decimals="string"), "numeric", pa.string()),
        (Modes(times="connect"), "timestamp", pa.timestamp("ms")),
        (Modes(times="adaptive_time_microseconds"), "time", pa.int64()),
        (Modes(times="isostring"), "date", pa.string()),
        (Modes(intervals="string"), "interval", pa.string()),
        (Modes(hstores="map"), "hstore", pa.map_(pa.string(), pa.string())),
        (Modes(binaries="base64"), "bytea", pa.string()),
        (Modes(), "something of an extension", pa.string()),
    ],
)
def test_modes(modes: Modes, name: str, kind: pa.DataType) -> None:
    assert column_type(PgType(1, name), -1, modes).type == kind


def test_stand_ins_fit_their_types() -> None:
    kinds = [pa.string(), pa.binary(), pa.list_(pa.int32()), pa.list_(pa.string()), pa.map_(pa.string(), pa.string())]
    for kind in kinds:
        assert len(pa.array([placeholder(kind, "gone")], kind)) == 1
    assert placeholder(pa.decimal128(10, 2), "gone") is None
    for kind in (
        *kinds,
        pa.bool_(),
        pa.date32(),
        pa.timestamp("us"),
        pa.decimal128(10, 2),
        pa.struct([("a", pa.int8())]),
    ):
        assert pa.array([zero(kind)], kind).null_count == 0
