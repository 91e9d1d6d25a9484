"""Binary logs of MySQL made by hand."""

from __future__ import annotations

import struct
import uuid
from typing import Any

import numpy as np

from tidegate.connectors.cdc.filters import CaptureFilter, Choice
from tidegate.connectors.cdc.masking import ColumnMasks
from tidegate.connectors.cdc.message_keys import MessageKeys
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.cdc.topic_names import TopicNames
from tidegate.connectors.mysql_cdc.change_decoder import ChangeDecoder, EventRules
from tidegate.connectors.mysql_cdc.column_types import Modes
from tidegate.connectors.mysql_cdc.columns import Column, TableDefinition
from tidegate.connectors.mysql_cdc.events import Events
from tidegate.connectors.mysql_cdc.packets import Packets
from tidegate.connectors.mysql_cdc.position import Position
from tidegate.connectors.mysql_cdc.schema_book import SchemaBook
from tidegate.connectors.mysql_cdc.source_block import SourceBlocks
from tidegate.connectors.mysql_cdc.table_schema import SchemaRules
from tidegate.connectors.postgres_values.cells import PADDING

SERVER = uuid.UUID("3e11fa47-71ca-11e1-9e33-c80aa9429562")
QUERY, ROTATE, XID, TABLE_MAP, GTID, XA_PREPARE, PAYLOAD, INSERT, UPDATE = 2, 4, 16, 19, 33, 38, 40, 30, 31

START = Position("bin.000001", 4, f"{SERVER}:1-9")
T = TableId("d", "t")
DEFINITION = TableDefinition(T, (Column("id", "int", nullable=False), Column("v", "varchar", 20)), ("id",))


class Log:
    """Events in a file that ends where the last one does."""

    def __init__(self, file: str = "bin.000001") -> None:
        self.file = file
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
        self.statement(number, "BEGIN")
        self._rows(rows)
        self.add(XID, struct.pack("<Q", number))

    def prepared(self, number: int, name: str, *rows: bytes, at_once: bool = False) -> None:
        """A transaction of XA as far as it is prepared, or committed at once."""
        self.statement(number, f"XA START X'{name.encode().hex()}',X'',1")
        self._rows(rows)
        self.query(f"XA END X'{name.encode().hex()}',X'',1")
        self.add(XA_PREPARE, struct.pack("<BIII", at_once, 1, len(name), 0) + name.encode())

    def ended(self, number: int, name: str, how: str = "COMMIT") -> None:
        """The end of a transaction of XA."""
        self.statement(number, f"XA {how} X'{name.encode().hex()}',X'',1")

    def _rows(self, rows: tuple[bytes, ...]) -> None:
        self.add(TABLE_MAP, struct.pack("<IHH", 9, 0, 1) + b"\x01d\x00\x01t\x00\x02\x03\x0f\x02\x50\x00\x02")
        for body in rows:
            self.add(body[0], body[1:])

    def statement(self, number: int, text: str) -> None:
        """A statement by itself."""
        self.begin(number)
        self.query(text)

    def begin(self, number: int) -> None:
        """The event that names a transaction."""
        self.add(GTID, b"\x01" + SERVER.bytes + struct.pack("<q", number))

    def query(self, text: str) -> None:
        """A statement of a transaction."""
        status = b"\x00" + bytes(4) + b"\x01" + bytes(8)
        self.add(QUERY, struct.pack("<IIBHH", 77, 0, 1, 0, len(status)) + status + b"d\x00" + text.encode())


def rows(kind: int, *images: tuple[int, str | None]) -> bytes:
    """A row event in the second layout."""
    head = struct.pack("<IHHH", 9, 0, 1, 2) + b"\x02" + (b"\xff\xff" if kind == UPDATE else b"\xff")
    body = b""
    for key, value in images:
        text = b"" if value is None else bytes([len(value)]) + value.encode()
        body += (b"\x02" if value is None else b"\x00") + struct.pack("<i", key) + text
    return bytes([kind]) + head + body


def events(raw: list[bytes]) -> Events:
    """Events as they are received."""
    start = np.cumsum([0, *(len(one) for one in raw)])[:-1].tolist()
    return Events.of(
        Packets(bytearray(b"".join(raw) + bytes(PADDING)), start, [len(one) for one in raw]), skip=0, checksums=False
    )


def decoder(position: Position, rules: EventRules = EventRules()) -> ChangeDecoder:  # noqa: B008  (frozen)
    """A decoder of a log that begins at a position, with the table ``d.t``."""
    names = TopicNames("p")
    blocks = SourceBlocks("p", "mysql")
    capture = CaptureFilter(Choice(), Choice(), Choice())
    schema_rules = SchemaRules(capture, ColumnMasks({}), MessageKeys(None), names, Modes(), blocks.field)
    book = SchemaBook("p", schema_rules, capture.table, lambda number: None, lambda table: None)
    book.begin({T: DEFINITION}, {"d": "utf8mb4"})

    def never(*_: Any) -> Any:
        raise AssertionError

    return ChangeDecoder(book, blocks, names, rules, position, never, mariadb=False)
