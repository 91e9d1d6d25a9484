"""Every value of every type comes out of a database as it went in: hypothesis looks for one that does not."""

from __future__ import annotations

import datetime
import json
import math
import uuid
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.connectors.sink_harness import SinkHarness, consumed, records
from tests.integration.connectors.target_database import TargetDatabase
from tidegate.connectors.jdbc_sink import JdbcSinkConnector
from tidegate.records.envelope import TopicPartition

UTC = datetime.UTC
EXACT = Context(prec=80)
ID = pa.field("id", pa.int64(), nullable=False)
# PostgreSQL has no text with the character of code 0.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
MOMENT = st.datetimes(datetime.datetime.fromisoformat("1000-01-01"), datetime.datetime.fromisoformat("9999-12-31"))


def whole(bits: int, *, signed: bool = True) -> st.SearchStrategy[int]:
    low = -(2 ** (bits - 1)) if signed else 0
    return st.integers(low, 2 ** (bits - 1 if signed else bits) - 1)


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    return st.integers(-(10**precision) + 1, 10**precision - 1).map(
        lambda number: Decimal(number).scaleb(-scale, EXACT)
    )


def moment(value: Any) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(value) if isinstance(value, str) else value
    assert isinstance(found, datetime.datetime)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def clock(value: Any) -> datetime.time:
    if isinstance(value, datetime.timedelta):
        return (datetime.datetime.fromisoformat("2026-01-01") + value).time()
    return datetime.time.fromisoformat(value) if isinstance(value, str) else value


def parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


TYPES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any], Callable[[Any], Any]]] = {
    "b": (pa.bool_(), st.booleans(), bool),
    "i8": (pa.int8(), whole(8), int),
    "u8": (pa.uint8(), whole(8, signed=False), int),
    "i16": (pa.int16(), whole(16), int),
    "i32": (pa.int32(), whole(32), int),
    "u32": (pa.uint32(), whole(32, signed=False), int),
    "i64": (pa.int64(), whole(64), int),
    "u64": (pa.uint64(), whole(64, signed=False), int),
    "f64": (pa.float64(), st.floats(allow_nan=False, allow_infinity=False), lambda value: float(value) + 0.0),
    "d": (pa.decimal128(38, 10), decimals(38, 10), lambda value: Decimal(str(value))),
    "small": (pa.decimal128(9, 7), decimals(9, 7), lambda value: Decimal(str(value))),
    "t": (pa.string(), TEXT, str),
    "y": (pa.binary(), st.binary(), bytes),
    "day": (pa.date32(), MOMENT.map(datetime.datetime.date), lambda v: datetime.date.fromisoformat(str(v))),
    "clock": (pa.time64("us"), st.times(), clock),
    "wall": (pa.timestamp("us"), MOMENT, moment),
    "instant": (pa.timestamp("us", "UTC"), MOMENT.map(lambda value: value.replace(tzinfo=UTC)), moment),
    "milli": (
        pa.timestamp("ms", "UTC"),
        MOMENT.map(lambda value: value.replace(tzinfo=UTC, microsecond=value.microsecond // 1000 * 1000)),
        moment,
    ),
    "uuid": (pa.uuid(), st.uuids(), lambda value: uuid.UUID(str(value))),
    "nested": (
        pa.struct([("a", pa.string()), ("b", pa.list_(pa.int64()))]),
        st.fixed_dictionaries({"a": TEXT, "b": st.lists(whole(53))}),
        parsed,
    ),
    "list": (pa.list_(pa.string()), st.lists(st.none() | TEXT), parsed),
}


def column(field: pa.Field, rows: list[dict[str, Any]]) -> pa.Array:
    values = [row[field.name] for row in rows]
    if isinstance(field.type, pa.UuidType):
        return pa.array([None if value is None else value.bytes for value in values], field.type)
    return pa.array(values, field.type)


def row() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({name: st.none() | strategy for name, (_, strategy, _) in TYPES.items()})


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_values_come_out_as_they_went_in(target: TargetDatabase, mode: str) -> None:
    keys = {} if mode == "insert" else {"pk.mode": "record_value", "pk.fields": "id"}
    config = {**target.config, "auto.create": "true", "insert.mode": mode, **keys}
    run = SinkHarness(JdbcSinkConnector(), config).start(TopicPartition("t", 0))
    fields = [ID, *(pa.field(name, type_) for name, (type_, _, _) in TYPES.items())]
    names = ", ".join(f'"{name}"' for name in TYPES)
    offset = 0

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(row(), min_size=1, max_size=8))
    def check(rows: list[dict[str, Any]]) -> None:
        nonlocal offset
        given = [{"id": offset + n, **values} for n, values in enumerate(rows)]
        value = pa.StructArray.from_arrays([column(field, given) for field in fields], fields=fields)
        run.put(consumed("t", value, first_offset=offset))
        found = target.rows(f'SELECT {names} FROM "t" WHERE id >= {offset} ORDER BY id')
        offset += len(rows)
        for sent, read in zip(rows, found, strict=True):
            for (name, (_, _, plain)), back in zip(TYPES.items(), read, strict=True):
                wanted = sent[name]
                assert (wanted is None) == (back is None), name
                if wanted is not None:
                    assert plain(back) == plain(wanted), f"{name}: {wanted!r} came back as {back!r}"

    check()
    run.task.stop()


def test_numbers_that_are_none(target: TargetDatabase) -> None:
    value = pa.field("v", pa.float64())
    config = {**target.config, "auto.create": "true"}
    run = SinkHarness(JdbcSinkConnector(), config, tolerant=True).start(TopicPartition("t", 0))
    rows = [{"v": math.nan}, {"v": math.inf}, {"v": -math.inf}, {"v": 1.0}]
    run.put(consumed("t", records(rows, value)))
    kept = [each for each in target.one('SELECT v FROM "t"') if each != 1.0]
    halted = [offset for _, offset, _ in run.context.halted]
    assert (len(kept), halted) == target.pick(postgresql=(3, []), mariadb=(0, [0, 1, 2]), sqlite=(2, [0]))


@pytest.mark.parametrize(("zone", "hour"), [("UTC", 10), ("Europe/Berlin", 12)])
def test_columns_without_a_time_zone_are_in_that_of_the_configuration(
    target: TargetDatabase, zone: str, hour: int
) -> None:
    instant = target.pick(postgresql="timestamptz", mariadb="timestamp(6) null", sqlite="timestamp")
    local = target.pick(postgresql="timestamp", mariadb="datetime(6)", sqlite="timestamp")
    target.run(f'CREATE TABLE "t" (a {instant}, b {local}, c {instant}, d DATE)')
    at = datetime.datetime.fromisoformat("2026-07-01T10:00:00+00:00")
    fields = [pa.field(name, pa.timestamp("us", "UTC")) for name in "ab"]
    fields += [pa.field("c", pa.timestamp("us")), pa.field("d", pa.timestamp("us", "UTC"))]
    wall = datetime.datetime.fromisoformat(f"2026-07-01T{hour}:00:00")
    night = datetime.datetime.fromisoformat("2026-07-01T23:00:00+00:00")
    run = SinkHarness(JdbcSinkConnector(), {**target.config, "db.timezone": zone}).start(TopicPartition("t", 0))
    run.put(consumed("t", records([{"a": at, "b": at, "c": wall, "d": night}], *fields)))
    if target.kind == "mariadb":
        target.run("SET time_zone = '+00:00'")
    [(a, b, c, d)] = target.rows('SELECT a, b, c, d FROM "t"')
    assert moment(b).hour == hour
    if target.kind != "sqlite":
        assert (moment(a).hour, moment(c).hour) == (10, 10)
    assert str(d) == ("2026-07-01" if zone == "UTC" else "2026-07-02")
