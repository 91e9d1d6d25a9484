"""Generated Arrow columns: any type that is the canonical form of an Avro type, with data."""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

INT64 = st.integers(-(2**63), 2**63 - 1)
MICROS_PER_DAY = 86_400_000_000


@dataclass(frozen=True)
class Kind:
    """An Arrow type and its values, nulls aside."""

    type: pa.DataType
    values: st.SearchStrategy[Any]


def kind_of(type_: pa.DataType, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Kind]:
    return st.just(Kind(type_, values))


@st.composite
def decimals(draw: st.DrawFn) -> Kind:
    precision = draw(st.integers(1, 60))
    scale = draw(st.integers(0, precision))
    type_ = pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
    numbers = st.integers(-(10**precision) + 1, 10**precision - 1)
    exact = decimal.Context(prec=100)
    return Kind(type_, numbers.map(lambda number: exact.scaleb(decimal.Decimal(number), -scale)))


SCALARS = st.one_of(
    kind_of(pa.bool_(), st.booleans()),
    kind_of(pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    kind_of(pa.int64(), INT64 | st.integers(-70, 70)),
    kind_of(pa.float32(), st.floats(width=32, allow_nan=False)),
    kind_of(pa.float64(), st.floats(allow_nan=False)),
    kind_of(pa.string(), st.text(max_size=12)),
    kind_of(pa.binary(), st.binary(max_size=12)),
    kind_of(pa.date32(), st.integers(-(2**31), 2**31 - 1)),
    kind_of(pa.time32("ms"), st.integers(0, 86_399_999)),
    kind_of(pa.time64("us"), st.integers(0, MICROS_PER_DAY - 1)),
    st.sampled_from(["ms", "us", "ns"]).map(lambda unit: Kind(pa.timestamp(unit, "UTC"), INT64)),
    st.sampled_from(["ms", "us", "ns"]).map(lambda unit: Kind(pa.timestamp(unit), INT64)),
    st.sampled_from(["s", "ms", "us", "ns"]).map(lambda unit: Kind(pa.duration(unit), INT64)),
    st.integers(1, 20).map(lambda size: Kind(pa.binary(size), st.binary(min_size=size, max_size=size))),
    kind_of(
        pa.month_day_nano_interval(),
        st.tuples(
            st.integers(0, 2**31 - 1),
            st.integers(0, 2**31 - 1),
            st.integers(0, 2**32 - 1).map(lambda millis: millis * 1_000_000),
        ),
    ),
    decimals(),
)

NAMES = st.sampled_from(["a", "b", "c", "d", "first name", "ünïcode", "9lives", "x-y", "x_y"])


def nested(inner: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
    return st.one_of(lists(inner), structs(inner), maps(inner))


@st.composite
def lists(draw: st.DrawFn, inner: st.SearchStrategy[Kind]) -> Kind:
    field, values = draw(fields(st.just("item"), inner))
    return Kind(pa.list_(field), st.lists(values, max_size=4))


@st.composite
def maps(draw: st.DrawFn, inner: st.SearchStrategy[Kind]) -> Kind:
    field, values = draw(fields(st.just("value"), inner))
    key_type, keys = draw(st.sampled_from([(pa.string(), st.text(max_size=4)), (pa.int64(), INT64)]))
    return Kind(
        pa.map_(key_type, field), st.lists(st.tuples(keys, values), max_size=4, unique_by=lambda entry: entry[0])
    )


@st.composite
def structs(draw: st.DrawFn, inner: st.SearchStrategy[Kind]) -> Kind:
    names = draw(st.lists(NAMES, max_size=5, unique=True))
    children = [draw(fields(st.just(name), inner)) for name in names]
    return Kind(
        pa.struct([field for field, _ in children]),
        st.fixed_dictionaries({field.name: values for field, values in children}),
    )


@st.composite
def fields(
    draw: st.DrawFn, names: st.SearchStrategy[str], kinds: st.SearchStrategy[Kind]
) -> tuple[pa.Field, st.SearchStrategy[Any]]:
    kind = draw(kinds)
    nullable = draw(st.booleans())
    return pa.field(draw(names), kind.type, nullable=nullable), (st.none() | kind.values) if nullable else kind.values


KINDS = st.recursive(SCALARS, nested, max_leaves=6)


@st.composite
def columns(draw: st.DrawFn, kinds: st.SearchStrategy[Kind] = KINDS) -> tuple[pa.Field, pa.Array]:
    """A field, and a column of it that may be a slice of a longer one."""
    field, values = draw(fields(st.just("value"), structs(kinds) | kinds))
    rows = draw(st.lists(st.none() | values, max_size=12))
    column = pa.array(rows, field.type)
    start = draw(st.integers(0, len(rows)))
    return field, column.slice(start)
