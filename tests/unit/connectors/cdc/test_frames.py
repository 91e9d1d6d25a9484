"""A replication stream is read the same however it is cut into pieces, and a restart goes on exactly where it was."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.connectors.cdc.filters import CaptureFilter, Choice
from tidegate.connectors.cdc.masking import ColumnMasks
from tidegate.connectors.cdc.message_keys import MessageKeys
from tidegate.connectors.cdc.snapshot_position import ReadUpTo
from tidegate.connectors.cdc.topic_names import TopicNames
from tidegate.connectors.postgres_cdc.catalogue import TableFacts
from tidegate.connectors.postgres_cdc.change_decoder import ChangeDecoder, EventRules
from tidegate.connectors.postgres_cdc.column_types import Modes, PgType
from tidegate.connectors.postgres_cdc.frames import Frames
from tidegate.connectors.postgres_cdc.position import Position
from tidegate.connectors.postgres_cdc.source_block import SourceBlocks
from tidegate.connectors.postgres_cdc.table_book import TableBook
from tidegate.connectors.postgres_cdc.table_schema import SchemaRules
from tidegate.records.envelope import Batch

INT4, TEXT = 23, 25
TYPES = {INT4: PgType(INT4, "int4"), TEXT: PgType(TEXT, "text")}
NAMES = TopicNames("p")


class Memory:
    """A catalogue in memory: every table has the key ``id``."""

    def type(self, oid: int) -> PgType:
        return TYPES[oid]

    def facts(self, oid: int) -> TableFacts:
        return TableFacts(frozenset({"id"}), ("id",))


def xlog(lsn: int, body: bytes) -> bytes:
    return b"w" + struct.pack(">qqq", lsn, lsn, 0) + body


def keepalive(end: int) -> bytes:
    return b"k" + struct.pack(">qqB", end, 0, 0)


def begin(commit: int, xid: int) -> bytes:
    return xlog(commit - 50, b"B" + struct.pack(">qqI", commit, 0, xid))


def commit(at: int) -> bytes:
    return xlog(at, b"C" + struct.pack(">Bqqq", 0, at, at + 8, 0))


def relation(oid: int, *columns: tuple[str, int]) -> bytes:
    described = b"".join(
        struct.pack(">B", name == "id") + name.encode() + b"\0" + struct.pack(">Ii", kind, -1) for name, kind in columns
    )
    head = struct.pack(">I", oid) + b"s\0" + f"t{oid}".encode() + b"\0d" + struct.pack(">H", len(columns))
    return xlog(0, b"R" + head + described)


def row(*values: str | None) -> bytes:
    cells = (b"n" if one is None else b"t" + struct.pack(">i", len(one.encode())) + one.encode() for one in values)
    return struct.pack(">H", len(values)) + b"".join(cells)


def change(kind: str, oid: int, lsn: int, key: str, value: str | None, old_key: str | None = None) -> bytes:
    head = kind.encode() + struct.pack(">I", oid)
    old = b"" if old_key is None else b"K" + row(old_key, None)
    if kind == "D":
        return xlog(lsn, head + b"K" + row(key, None))
    return xlog(lsn, head + old + b"N" + row(key, value))


def frames(messages: Sequence[bytes]) -> Frames:
    return Frames.of(bytearray(b"".join(messages)), [len(one) for one in messages])


def decoder(position: Position, **rules: Any) -> ChangeDecoder:
    memory: Any = Memory()
    capture = CaptureFilter(Choice(), Choice("", "s.t9"), Choice())
    book = TableBook(memory, SchemaRules(capture, ColumnMasks({}), MessageKeys(None), NAMES, Modes()))

    def read(schema: Any, ranges: Sequence[ReadUpTo], keys: Sequence[tuple[str, ...]]) -> Any:
        found = [
            next(each.boundary for each in ranges if each.key is None or int(key[0]) <= int(each.key[0]))
            for key in keys
        ]
        return np.array(found, np.int64)

    return ChangeDecoder(book, SourceBlocks("p", "db"), NAMES, EventRules(**rules), position, read)


def told(batches: Sequence[Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Events by topic, without what differs from one run to the next."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for batch in batches:
        for record in batch.records.to_pylist():
            value = record["value"]
            event = (
                (record["key"] and record["key"]["id"],)
                if "op" not in (value or {"op": 0})
                else (
                    record["key"]["id"],
                    value
                    and (
                        value["op"],
                        value["before"],
                        value["after"],
                        value["source"]["lsn"],
                        value["source"]["sequence"],
                    ),
                    value and value["transaction"] and tuple(value["transaction"].values()),
                )
            )
            if not batch.topic.endswith("transaction"):
                found.setdefault(batch.topic, []).append(event)
    return found


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Transactions over three tables, one of them not captured, with keepalives between."""
    messages = [relation(oid, ("id", INT4), ("v", TEXT)) for oid in (1, 2, 9)]
    lsn = 1000
    for xid in range(draw(st.integers(1, 4))):
        size = draw(st.integers(0, 5))
        messages.append(begin(lsn + 100 * size, xid + 1))
        for _ in range(size):
            lsn += 10
            oid, kind = draw(st.sampled_from([1, 2, 9])), draw(st.sampled_from("IUUD"))
            key, value = str(draw(st.integers(0, 9))), draw(st.sampled_from([None, "", "x", "ä" * 40]))
            old = str(draw(st.integers(0, 9))) if kind == "U" and draw(st.booleans()) else None
            messages.append(change(kind, oid, lsn, key, value, old))
        lsn = lsn + 100 * size + 100
        messages.append(commit(messages_commit(messages)))
        if draw(st.booleans()):
            messages.append(keepalive(lsn))
    return messages


def messages_commit(messages: Sequence[bytes]) -> int:
    """Where the last transaction that began is committed."""
    last = next(one for one in reversed(messages) if one[25:26] == b"B")
    return int(struct.unpack_from(">q", last, 26)[0])


@given(streams(), st.data())
@settings(max_examples=60, deadline=None)
def test_the_pieces_do_not_matter(messages: list[bytes], data: st.DataObject) -> None:
    whole = decoder(Position(500), transactions=True)
    expected = told(whole.decode(frames(messages)).batches)
    pieces = decoder(Position(500), transactions=True)
    batches: list[Batch] = []
    at = 0
    while at < len(messages):
        size = data.draw(st.integers(1, len(messages)))
        batches += pieces.decode(frames(messages[at : at + size])).batches
        at += size
    assert told(batches) == expected
    assert pieces.position == whole.position


@given(streams(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_restart_neither_loses_nor_doubles(messages: list[bytes], data: st.DataObject) -> None:
    expected = told(decoder(Position(500)).decode(frames(messages)).batches)
    cut = data.draw(st.integers(3, len(messages)))
    first = decoder(Position(500))
    batches = list(first.decode(frames(messages[:cut])).batches)
    # Through Kafka and back; the server sends each transaction again that was not passed whole.
    position = Position.of(first.position.offset())
    again, skipping = [], False
    for one in messages:
        if one[25:26] == b"B":
            skipping = int(struct.unpack_from(">q", one, 26)[0]) < position.lsn_commit
        if one[:1] == b"w" and (one[25:26] == b"R" or not skipping):
            again.append(one)
    batches += decoder(position).decode(frames(again)).batches

    def stripped(events: dict[str, list[tuple[Any, ...]]]) -> Any:
        return {
            topic: [(event[0], event[1] and event[1][:4]) for event in each] for topic, each in events.items() if each
        }

    assert stripped(told(batches)) == stripped(expected)


def test_the_end_of_the_log_counts_only_between_transactions() -> None:
    description = relation(1, ("id", INT4), ("v", TEXT))
    messages = [description, begin(900, 7), keepalive(700), change("I", 1, 800, "1", "a")]
    opened = decoder(Position(500))
    assert opened.decode(frames(messages)).idle_end == 0
    assert opened.decode(frames([commit(900), keepalive(950)])).idle_end == 950


def test_what_a_snapshot_has_shown_is_not_told_again() -> None:
    position = Position(500, boundary=2000, ranges={"s.t1": [ReadUpTo(("5",), 500)]})
    messages = [
        relation(1, ("id", INT4), ("v", TEXT)),
        begin(1000, 1),
        change("I", 1, 900, "3", "early, in the range read first"),
        change("I", 1, 910, "8", "early, in the range read later"),
        change("U", 1, 920, "9", "moved into the range read later", "4"),
        change("U", 1, 930, "2", "moved into the range read first", "7"),
        commit(1000),
        begin(3000, 2),
        change("I", 1, 2900, "8", "late"),
        commit(3000),
    ]
    events = told(decoder(position).decode(frames(messages)).batches)["p.s.t1"]
    assert [(event[0], event[1] and event[1][0]) for event in events] == [
        (3, "c"),
        (4, "d"),
        (4, None),
        (2, "c"),
        (8, "c"),
    ]


def test_another_schema_holds_from_its_place_on() -> None:
    messages = [
        relation(1, ("id", INT4), ("v", TEXT)),
        begin(1000, 1),
        change("I", 1, 900, "1", "a"),
        relation(1, ("id", INT4), ("renamed", TEXT)),
        change("I", 1, 910, "2", "b"),
        commit(1000),
    ]
    found = decoder(Position(500)).decode(frames(messages))
    rows = [record["value"]["after"] for batch in found.batches for record in batch.records.to_pylist()]
    assert rows == [{"id": 1, "v": "a"}, {"id": 2, "renamed": "b"}]


def test_a_truncated_table_is_told_in_its_place() -> None:
    truncate = xlog(905, b"T" + struct.pack(">IBI", 1, 0, 1))
    messages = [
        relation(1, ("id", INT4), ("v", TEXT)),
        begin(1000, 1),
        change("I", 1, 900, "1", "a"),
        truncate,
        change("I", 1, 910, "2", "b"),
        commit(1000),
    ]
    found = decoder(Position(500)).decode(frames(messages))
    operations = [record["value"]["op"] for batch in found.batches for record in batch.records.to_pylist()]
    assert operations == ["c", "t", "c"]
