"""Rows inserted into an outbox table become messages."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tests.unit.transforms.record_batches import consumed, one, outcome
from tidegate.records.envelope import SCHEMA_VERSION

ROW = pa.struct(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("aggregatetype", pa.string()),
        pa.field("aggregateid", pa.string()),
        pa.field("type", pa.string()),
        pa.field("payload", pa.string()),
        pa.field("at", pa.timestamp("us")),
        pa.field("version", pa.int32()),
    ]
)
EVENT = pa.struct([("before", ROW), ("after", ROW), ("op", pa.string()), ("ts_ms", pa.int64())])


def row(number: int, **more: Any) -> dict[str, Any]:
    """An event's row."""
    return {
        "id": f"e{number}",
        "aggregatetype": "order",
        "aggregateid": f"o{number}",
        "type": "paid",
        "payload": f'{{"n":{number}}}',
        "at": 1_600_000_000_000_000,
        "version": 1,
        **more,
    }


def events(*changes: tuple[str, dict[str, Any]]) -> pa.Array:
    """Change events as (op, row)."""
    made = [
        {"before": told if op == "d" else None, "after": None if op == "d" else told, "op": op, "ts_ms": 5000}
        for op, told in changes
    ]
    return pa.array(made, EVENT)


def test_an_insert_becomes_a_message() -> None:
    (part,) = one("outbox").apply(consumed(events(("c", row(1))))).parts
    (message,) = part.batch.records.to_pylist()
    assert part.batch.topic == "outbox.event.order"
    assert (message["key"], message["value"]) == ("o1", '{"n":1}')
    assert message["headers"] == [{"key": "id", "value": b"e1"}]
    assert message["timestamp"].timestamp() == 5


def test_each_aggregate_has_its_topic_and_others_are_dropped() -> None:
    values = events(("c", row(1)), ("d", row(1)), ("c", row(2, aggregatetype="customer")), ("u", row(3)), ("r", row(4)))
    parts, faults = outcome(consumed(values), one("outbox"))
    assert parts == [
        ("outbox.event.order", [0, 4], ['{"n":1}', '{"n":4}']),
        ("outbox.event.customer", [2], ['{"n":2}']),
    ]
    assert not faults


def test_an_update_is_halted_where_that_is_wanted() -> None:
    parts, faults = outcome(
        consumed(events(("c", row(1)), ("u", row(1)))), one("outbox", table_op_invalid_behavior="fatal")
    )
    assert [rows for _, rows, _ in parts] == [[0]]
    assert "updated" in faults[1]


def test_columns_go_along_in_headers_and_in_the_envelope() -> None:
    router = one("outbox", table_fields_additional_placement="type:header:eventType,version:envelope")
    (part,) = router.apply(consumed(events(("c", row(1))))).parts
    (message,) = part.batch.records.to_pylist()
    assert message["value"] == {"payload": '{"n":1}', "version": 1}
    assert message["headers"][1] == {"key": "eventType", "value": b"paid"}


def test_a_missing_column_halts_or_is_passed_over() -> None:
    values = consumed(events(("c", row(1))))
    _, faults = outcome(values, one("outbox", table_fields_additional_placement="gone:header"))
    assert "no field gone" in faults[0]
    parts, faults = outcome(
        values,
        one(
            "outbox", table_fields_additional_placement="gone:header", table_fields_additional_error_on_missing="false"
        ),
    )
    assert (len(parts), faults) == (1, {})


def test_time_version_and_topic_come_from_columns() -> None:
    router = one(
        "outbox",
        table_field_event_timestamp="at",
        table_field_event_schema_version="version",
        route_by_field="type",
        route_topic_replacement="${routedByValue}.events",
    )
    parts = router.apply(consumed(events(("c", row(1)), ("c", row(2, version=2))))).parts
    assert [part.batch.topic for part in parts] == ["paid.events", "paid.events"]
    assert [part.batch.value_field.metadata[SCHEMA_VERSION] for part in parts] == [b"1", b"2"]
    assert parts[0].batch.records.to_pylist()[0]["timestamp"].timestamp() == 1_600_000_000


def test_an_empty_payload_becomes_a_tombstone_where_that_is_wanted() -> None:
    values = consumed(events(("c", row(1, payload=" ")), ("c", row(2, payload=None)), ("c", row(3))))
    (part,) = one("outbox", route_tombstone_on_empty_payload="true").apply(values).parts
    assert part.batch.value.to_pylist() == [None, None, '{"n":3}']


def test_an_event_without_a_topic_is_halted_alone() -> None:
    parts, faults = outcome(consumed(events(("c", row(1, aggregatetype=None)), ("c", row(2)))), one("outbox"))
    assert [rows for _, rows, _ in parts] == [[1]]
    assert "aggregatetype" in faults[0]


def test_json_payloads_become_records_each_with_its_own_schema() -> None:
    router = one("outbox", table_expand_json_payload="true", table_fields_additional_placement="type:header:kind")
    payloads = [
        '{"n": 1, "who": {"name": "a", "gone": null}}',
        '{"n": 2, "who": {"name": null}}',
        '{"n": 9000000000, "list": [{"a": 1}, {"b": true}, null], "none": []}',
        "[1, 5000000000]",
        "plain",
        '{"broken": ',
        '{"mixed": [1, "a"]}',
    ]
    parts, faults = outcome(
        consumed(events(*(("c", row(number, payload=text)) for number, text in enumerate(payloads)))), router
    )
    assert not faults
    assert [(rows, values) for _, rows, values in parts] == [
        ([0], [{"n": 1, "who": {"name": "a"}}]),
        ([1], [{"n": 2, "who": {}}]),
        ([2], [{"n": 9000000000, "list": [{"a": 1, "b": None}, {"a": None, "b": True}, None]}]),
        ([3], [[1, 5000000000]]),
        ([4, 5, 6], payloads[4:]),
    ]


def test_json_payloads_of_one_shape_are_one_batch_with_their_keys() -> None:
    values = events(*(("c", row(number, aggregatetype=kind)) for number, kind in enumerate("abab")))
    parts = one("outbox", table_expand_json_payload="true").apply(consumed(values)).parts
    assert [(part.batch.topic[-1], part.batch.key.to_pylist(), part.batch.value.to_pylist()) for part in parts] == [
        ("a", ["o0", "o2"], [{"n": 0}, {"n": 2}]),
        ("b", ["o1", "o3"], [{"n": 1}, {"n": 3}]),
    ]


def test_a_null_in_a_json_payload_is_bytes_where_that_is_wanted() -> None:
    router = one("outbox", table_expand_json_payload="true", table_json_payload_null_behavior="optional_bytes")
    (part,) = router.apply(consumed(events(("c", row(1, payload='{"n": null, "l": []}'))))).parts
    assert part.batch.value.type == pa.struct([("n", pa.binary()), ("l", pa.list_(pa.binary()))])
    assert part.batch.value.to_pylist() == [{"n": None, "l": []}]
