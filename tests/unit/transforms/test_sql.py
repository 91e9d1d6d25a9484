"""The sql transform."""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.transforms.record_batches import consumed, one, outcome
from tidegate.errors import ConfigError

ORDER = pa.struct(
    [
        pa.field("id", pa.int32(), nullable=False),
        pa.field("amount", pa.string()),
        pa.field("taken", pa.timestamp("ms", "UTC"), metadata={b"kept": b"yes"}),
        pa.field("tags", pa.list_(pa.string())),
    ]
)
AT = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def orders(*amounts: str | None) -> pa.Array:
    return pa.array(
        [
            None if amount is None else {"id": at, "amount": amount, "taken": AT, "tags": ["x"]}
            for at, amount in enumerate(amounts)
        ],
        ORDER,
    )


def values_of(column: pa.Array, **keys: str) -> list[Any]:
    parts, faults = outcome(consumed(column), one("sql", **keys))
    assert not faults
    return [value for _, _, values in parts for value in values]


def test_fields_are_made_and_records_dropped() -> None:
    found = values_of(
        orders("1.5", "20", "30"), select="id, amount::DOUBLE * 2 AS twice, tags[1] AS tag", where="amount::DOUBLE > 15"
    )
    assert found == [{"id": 1, "twice": 40.0, "tag": "x"}, {"id": 2, "twice": 60.0, "tag": "x"}]


def test_columns_that_are_passed_on_keep_their_fields() -> None:
    select = "* EXCLUDE (tags) REPLACE (amount || '!' AS amount), taken AS moment, id + 1 AS more"
    (part,) = one("sql", select=select).apply(consumed(orders("1", "2"))).parts
    kind = part.batch.value.type
    assert [field.name for field in kind] == ["id", "amount", "taken", "moment", "more"]
    assert kind.field("id") == ORDER.field("id")
    assert kind.field("taken").equals(ORDER.field("taken"), check_metadata=True)
    assert kind.field("moment").type == pa.timestamp("ms", "UTC")
    assert kind.field("amount").nullable
    assert part.batch.value.to_pylist()[0] == {"id": 0, "amount": "1!", "taken": AT, "moment": AT, "more": 1}


def test_tombstones_pass_whatever_the_filter_says() -> None:
    parts, faults = outcome(consumed(orders("1", None, "30")), one("sql", where="amount::INT > 15", select="id"))
    assert not faults
    assert parts == [("orders", [1, 2], [None, {"id": 2}])]


def test_topics_are_chosen_by_an_expression() -> None:
    applied = one("sql", topic="CASE WHEN amount = '7' THEN NULL ELSE _record.topic || '-' || amount END")
    parts, faults = outcome(consumed(orders("1", "2", "1", "7")), applied)
    assert [(topic, rows) for topic, rows, _ in parts] == [("orders-1", [0, 2]), ("orders-2", [1])]
    assert "no topic" in faults[3]


def test_a_record_whose_values_do_not_go_is_halted_alone() -> None:
    parts, faults = outcome(consumed(orders("1", "x", "3")), one("sql", select="amount::INT AS n"))
    assert [row for _, rows, _ in parts for row in rows] == [0, 2]
    assert "Could not convert string 'x' to INT32" in faults[1]


def test_columns_that_are_not_there_halt_every_record_with_the_reason() -> None:
    parts, faults = outcome(consumed(orders("1", None)), one("sql", select="nothing"))
    assert parts == [("orders", [1], [None])]
    assert "nothing" in faults[0]


def test_what_is_about_the_record_is_at_hand() -> None:
    (value,) = values_of(
        pa.array(["text"]),
        select='upper(value) AS v, _record.topic AS t, _record."offset" AS o, _record.timestamp AS s, _record.key AS k',
    )
    assert value == {
        "v": "TEXT",
        "t": "orders",
        "o": 100,
        "s": datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.UTC),
        "k": None,
    }


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"select": "a b c"}, "it is not SQL"),
        ({"where": "a >"}, "it is not SQL"),
        ({"select": "sum(a) OVER ()"}, "window function"),
        ({"select": "(SELECT 1)"}, "subquery"),
        ({"topic": "'x' FROM y"}, "it is not SQL"),
    ],
)
def test_expressions_that_are_refused(keys: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        one("sql", **keys)


def test_files_are_out_of_reach() -> None:
    with pytest.raises(ConfigError, match="subquery"):
        one("sql", select="(SELECT content FROM read_text('/etc/passwd'))")
