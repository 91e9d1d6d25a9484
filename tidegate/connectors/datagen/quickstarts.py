"""The kinds of records datagen makes; names and fields follow Confluent's datagen quickstarts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.datagen.random_columns import below, cents, choice, prefixed

_EPOCH_MS = 1_767_225_600_000
"""Time of the first record, 2026-01-01 UTC; it goes on by a second a record, for records do not depend on the clock."""


@dataclass(frozen=True, slots=True)
class Generated:
    """Columns of some records.

    Args:
        key: n keys.
        value: a struct of n values.
        timestamp_ms: n int64 milliseconds.
    """

    key: pa.Array
    value: pa.StructArray
    timestamp_ms: pa.Array


Generator = Callable[[pa.Array, int], Generated]
"""Takes int64 sequence numbers and a seed."""


def _times(numbers: pa.Array) -> pa.Array:
    return pc.add(pc.multiply(numbers, 1000), _EPOCH_MS)


def _struct(columns: Mapping[str, pa.Array]) -> pa.StructArray:
    fields = [pa.field(name, column.type, nullable=False) for name, column in columns.items()]
    return pa.StructArray.from_arrays(list(columns.values()), fields=fields)


def users(numbers: pa.Array, seed: int) -> Generated:
    """Users that register."""
    times = _times(numbers)
    user = prefixed("User_", pc.add(below(numbers, seed, 9), 1))
    value = {
        "registertime": times,
        "userid": user,
        "regionid": prefixed("Region_", pc.add(below(numbers, seed + 1, 9), 1)),
        "gender": choice(numbers, seed + 2, ("MALE", "FEMALE", "OTHER")),
    }
    return Generated(user, _struct(value), times)


def orders(numbers: pa.Array, seed: int) -> Generated:
    """Orders; ``orderid`` is the sequence number, so that a reader can count what is missing or twice."""
    times = _times(numbers)
    address = _struct(
        {
            "city": prefixed("City_", below(numbers, seed + 2, 100)),
            "state": prefixed("State_", below(numbers, seed + 3, 100)),
            "zipcode": pc.add(below(numbers, seed + 4, 90_000), 10_000),
        }
    )
    value = {
        "ordertime": times,
        "orderid": numbers,
        "itemid": prefixed("Item_", below(numbers, seed, 1000)),
        "orderunits": cents(numbers, seed + 1, 1000),
        "address": address,
    }
    return Generated(numbers.cast(pa.string()), _struct(value), times)


def pageviews(numbers: pa.Array, seed: int) -> Generated:
    """Pages that users look at."""
    times = _times(numbers)
    value = {
        "viewtime": times,
        "userid": prefixed("User_", pc.add(below(numbers, seed, 9), 1)),
        "pageid": prefixed("Page_", pc.add(below(numbers, seed + 1, 99), 1)),
    }
    return Generated(prefixed("", times), _struct(value), times)


QUICKSTARTS: Mapping[str, Generator] = {"users": users, "orders": orders, "pageviews": pageviews}
