"""MySQL's own forms of events, made by hand: no MySQL server is run in the tests."""

from __future__ import annotations

import struct
import uuid
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tidegate.connectors.cdc.filters import CaptureFilter, Choice
from tidegate.connectors.cdc.masking import ColumnMasks
from tidegate.connectors.cdc.message_keys import MessageKeys
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.cdc.topic_names import TopicNames
from tidegate.connectors.jdbc.postgres.cells import PADDING
from tidegate.connectors.mysql_cdc.change_decoder import ChangeDecoder, Decoded, EventRules
from tidegate.connectors.mysql_cdc.column_types import Modes
from tidegate.connectors.mysql_cdc.columns import Column, TableDefinition
from tidegate.connectors.mysql_cdc.events import Events
from tidegate.connectors.mysql_cdc.packets import Packets
from tidegate.connectors.mysql_cdc.position import Position
from tidegate.connectors.mysql_cdc.schema_book import SchemaBook
from tidegate.connectors.mysql_cdc.source_block import SourceBlocks
from tidegate.connectors.mysql_cdc.table_schema import SchemaRules
from tidegate.errors import FatalError

SERVER = uuid.UUID("3e11fa47-71ca-11e1-9e33-c80aa9429562")
T = TableId("d", "t")
DEFINITION = TableDefinition(T, (Column("id", "int", nullable=False), Column("v", "varchar", 20)), ("id",))
QUERY, XID, TABLE_MAP, GTID, PAYLOAD, INSERT, UPDATE = 2, 16, 19, 33, 40, 30, 31


class Log:
    """Events in a file that ends where the last one does."""

    def __init__(self) -> None:
        self.pos = 4
        self.events: list[bytes] = []

    def add(self, kind: int, body: bytes) -> bytes:
        size = 19 + len(body)
        self.pos += size
        event = struct.pack("<IBIIIH", 1_700_000_000, kind, 5, size, self.pos, 0) + body
        self.events.append(event)
        return event

    def transaction(self, number: int, *rows: bytes) -> None:
        """A transaction with one row event for each body, all in one table."""
        self.add(GTID, b"\x01" + SERVER.bytes + struct.pack("<q", number))
        status = b"\x00" + bytes(4) + b"\x01" + bytes(8)
        self.add(QUERY, struct.pack("<IIBHH", 77, 0, 1, 0, len(status)) + status + b"d\x00BEGIN")
        self.add(TABLE_MAP, struct.pack("<IHH", 9, 0, 1) + b"\x01d\x00\x01t\x00\x02\x03\x0f\x02\x50\x00\x02")
        for body in rows:
            self.add(body[0], body[1:])
        self.add(XID, struct.pack("<Q", number))

    def statement(self, number: int, text: str) -> None:
        """A statement by itself."""
        self.add(GTID, b"\x01" + SERVER.bytes + struct.pack("<q", number))
        self.add(QUERY, struct.pack("<IIBHH", 77, 0, 1, 0, 0) + b"d\x00" + text.encode())


def rows(kind: int, *images: tuple[int, str | None]) -> bytes:
    """A row event in the second layout."""
    head = struct.pack("<IHHH", 9, 0, 1, 2) + b"\x02" + (b"\xff\xff" if kind == UPDATE else b"\xff")
    body = b""
    for key, value in images:
        text = b"" if value is None else bytes([len(value)]) + value.encode()
        body += (b"\x02" if value is None else b"\x00") + struct.pack("<i", key) + text
    return bytes([kind]) + head + body


def events(raw: list[bytes]) -> Events:
    start = np.cumsum([0, *(len(one) for one in raw)])[:-1].tolist()
    return Events.of(
        Packets(bytearray(b"".join(raw) + bytes(PADDING)), start, [len(one) for one in raw]), skip=0, checksums=False
    )


def decoder(position: Position, rules: EventRules = EventRules()) -> ChangeDecoder:  # noqa: B008  (frozen)
    names = TopicNames("p")
    blocks = SourceBlocks("p", "mysql")
    capture = CaptureFilter(Choice(), Choice(), Choice())
    schema_rules = SchemaRules(capture, ColumnMasks({}), MessageKeys(None), names, Modes(), blocks.field)
    book = SchemaBook("p", schema_rules, capture.table, lambda number: None, lambda table: None)
    book.begin({T: DEFINITION}, {"d": "utf8mb4"})

    def never(*_: Any) -> Any:
        raise AssertionError

    return ChangeDecoder(book, blocks, names, rules, position, never, mariadb=False)


def values(decoded: Decoded) -> list[dict[str, Any]]:
    return [row for batch in decoded.batches if batch.topic == "p.d.t" for row in batch.value.to_pylist()]


def told(decoded: Decoded) -> list[tuple[str, Any]]:
    return [(row["op"], row["after"]) for row in values(decoded)]


START = Position("bin.000001", 4, f"{SERVER}:1-9")


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
