"""MySQL's own forms of events, made by hand."""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.connectors.mysql_cdc.binlog_by_hand import (
    GTID,
    INSERT,
    PAYLOAD,
    SERVER,
    START,
    UPDATE,
    Log,
    decoder,
    events,
    rows,
)
from tidegate.connectors.mysql_cdc.change_decoder import Decoded, EventRules
from tidegate.connectors.mysql_cdc.position import Position
from tidegate.errors import FatalError


def values(decoded: Decoded) -> list[dict[str, Any]]:
    return [row for batch in decoded.batches if batch.topic == "p.d.t" for row in batch.value.to_pylist()]


def told(decoded: Decoded) -> list[tuple[str, Any]]:
    return [(row["op"], row["after"]) for row in values(decoded)]


def test_transactions_in_the_second_layout() -> None:
    log = Log()
    log.transaction(10, rows(INSERT, (1, "a"), (2, None)), rows(UPDATE, (1, "a"), (1, "b")))
    found = decoder(START).decode(events(log.events))
    assert told(found) == [("c", {"id": 1, "v": "a"}), ("c", {"id": 2, "v": None}), ("u", {"id": 1, "v": "b"})]
    assert found.position == Position("bin.000001", log.pos, f"{SERVER}:1-10", server_id=5, ts_sec=1_700_000_000)
    source = values(found)[1]["source"]
    wanted = {"connector": "mysql", "gtid": f"{SERVER}:10", "thread": 77, "row": 1, "server_id": 5, "db": "d"}
    assert wanted.items() <= source.items()


def test_a_transaction_in_pieces_goes_on_at_its_row_event() -> None:
    log = Log()
    log.transaction(10, rows(INSERT, (1, "a")), rows(INSERT, (2, "b")), rows(INSERT, (3, "c")))
    whole = decoder(START)
    first = whole.decode(events(log.events[:5]))
    assert (first.position.pos, first.position.open_gtid, first.position.events) == (4, f"{SERVER}:10", 2)
    again = decoder(first.position)
    early = again.decode(events(log.events[:4]))
    assert (told(early), early.position.events) == ([], 2)
    rest = again.decode(events(log.events[4:]))
    assert told(rest) == [("c", {"id": 3, "v": "c"})]
    assert rest.position == whole.decode(events(log.events[5:])).position


def test_a_compressed_transaction_is_as_the_plain_one() -> None:
    log = Log()
    log.transaction(10, rows(INSERT, (1, "a")), rows(INSERT, (2, "b")))
    plain = decoder(START).decode(events(log.events))
    inner = b"".join(log.events[1:])
    packed = pa.Codec("zstd").compress(inner).to_pybytes()

    def field(kind: int, value: int) -> bytes:
        return bytes([kind, 9, 0xFE]) + struct.pack("<Q", value)

    body = field(1, len(packed)) + field(2, 0) + field(3, len(inner)) + b"\x00" + packed
    outer = Log()
    outer.add(GTID, b"\x01" + SERVER.bytes + struct.pack("<q", 10))
    outer.add(PAYLOAD, body)
    found = decoder(START).decode(events(outer.events))
    assert told(found) == told(plain)
    assert (found.position.pos, found.position.gtids) == (outer.pos, f"{SERVER}:1-10")


def test_a_statement_changes_the_table_at_its_place() -> None:
    log = Log()
    log.transaction(10, rows(INSERT, (1, "a")))
    log.statement(11, "ALTER TABLE t CHANGE v w varchar(20)")
    log.transaction(12, rows(INSERT, (2, "b")))
    found = decoder(START).decode(events(log.events))
    assert told(found) == [("c", {"id": 1, "v": "a"}), ("c", {"id": 2, "w": "b"})]
    assert found.position.gtids == f"{SERVER}:1-12"
    (change,) = [batch.value.to_pylist()[0] for batch in found.batches if batch.topic == "p"]
    assert (change["ddl"], change["tableChanges"][0]["type"]) == ("ALTER TABLE t CHANGE v w varchar(20)", "ALTER")


def test_a_table_that_is_not_what_is_known_is_never_told_wrongly() -> None:
    log = Log()
    log.statement(10, "ALTER TABLE t ADD x int")
    log.transaction(11, rows(INSERT, (1, "a")))
    with pytest.raises(FatalError, match=r"d\.t .*2 columns in the log and 3 .*binlog_row_metadata=FULL"):
        decoder(START).decode(events(log.events))


def test_skipped_operations_and_transactions_in_order() -> None:
    log = Log()
    log.transaction(10, rows(INSERT, (1, "a")), rows(UPDATE, (1, "a"), (1, "b")), rows(INSERT, (2, "c")))
    rules = EventRules(frozenset({ord("u")}), transactions=True)
    found = decoder(START, rules).decode(events(log.events))
    assert [(row["op"], row["transaction"]["total_order"]) for row in values(found)] == [("c", 1), ("c", 2)]
    (marks,) = [batch.value.to_pylist() for batch in found.batches if batch.topic == "p.transaction"]
    assert [(mark["status"], mark["event_count"]) for mark in marks] == [("BEGIN", None), ("END", 2)]


def test_an_update_of_the_key_is_two_events_of_its_transaction() -> None:
    log = Log()
    log.transaction(10, rows(UPDATE, (1, "a"), (2, "a")), rows(INSERT, (3, "c")))
    found = decoder(START, EventRules(transactions=True)).decode(events(log.events))
    orders = [(row["op"], row["transaction"]["total_order"]) for row in values(found) if row]
    assert orders == [("d", 1), ("c", 2), ("c", 3)]
    (marks,) = [batch.value.to_pylist() for batch in found.batches if batch.topic == "p.transaction"]
    assert marks[1]["data_collections"] == [{"data_collection": "d.t", "event_count": 3}]


def test_a_transaction_that_goes_on_has_one_beginning() -> None:
    log = Log()
    log.transaction(10, rows(INSERT, (1, "a")), rows(INSERT, (2, "b")))
    rules = EventRules(transactions=True)
    first = decoder(START, rules).decode(events(log.events[:4]))
    rest = decoder(first.position, rules).decode(events(log.events))
    marks = [
        mark["status"]
        for decoded in (first, rest)
        for batch in decoded.batches
        if batch.topic == "p.transaction"
        for mark in batch.value.to_pylist()
    ]
    assert marks == ["BEGIN", "END"]
    assert [row["transaction"]["total_order"] for row in values(rest)] == [2]
