"""Events of the binary log: their headers as columns, their bodies where they were received.

The layouts are those of MySQL's internals manual, "Binary Log Event", and of MariaDB's knowledge base, "Replication
Protocol".
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tidegate.connectors.mysql_cdc.packets import Packets
from tidegate.connectors.postgres_values.cells import PADDING, Bytes, Positions, gather
from tidegate.errors import FatalError

HEADER = 19
CHECKSUM = 4

QUERY, STOP, ROTATE, FORMAT_DESCRIPTION, XID, TABLE_MAP, INCIDENT, HEARTBEAT = 2, 3, 4, 15, 16, 19, 26, 27
ROWS_QUERY, GTID, ANONYMOUS_GTID, XA_PREPARE, PARTIAL_UPDATE, PAYLOAD, GTID_TAGGED = 29, 33, 34, 38, 39, 40, 42
ANNOTATE_ROWS, MARIADB_GTID, QUERY_COMPRESSED = 160, 162, 165
_INSERTS, _UPDATES, _DELETES = (23, 30, 166, 169), (24, 31, 167, 170), (25, 32, 168, 171)
_SECOND_LAYOUT = (30, 31, 32, 169, 170, 171)
_COMPRESSED = (166, 167, 168, 169, 170, 171)

OPERATIONS = np.zeros(256, np.uint8)
OPERATIONS[list(_INSERTS)] = ord("c")
OPERATIONS[list(_UPDATES)] = ord("u")
OPERATIONS[list(_DELETES)] = ord("d")
IS_GTID = np.zeros(256, np.bool_)
IS_GTID[[MARIADB_GTID, GTID, ANONYMOUS_GTID, GTID_TAGGED]] = True
SECOND_LAYOUT = np.zeros(256, np.bool_)
SECOND_LAYOUT[list(_SECOND_LAYOUT)] = True
IS_COMPRESSED = np.zeros(256, np.bool_)
IS_COMPRESSED[list(_COMPRESSED)] = True

Kinds = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]

_PAYLOAD_END, _PAYLOAD_SIZE, _PAYLOAD_METHOD, _PAYLOAD_RAW_SIZE = 0, 1, 2, 3
_ZSTD, _PLAIN = 0, 255


@dataclass(frozen=True, slots=True)
class Events:
    """n events.

    Args:
        data: the buffer, with room behind its last byte.
        start: where each event's body begins, behind its header.
        end: where the body ends, before its checksum.
        kinds: type of each event.
        seconds: when each was written, in seconds since 1970.
        server_id: of the server that wrote it.
        end_pos: where it ends in the log file; 0 for what is in no file.
        length: of the whole event in the log file.
    """

    data: Bytes
    start: Positions
    end: Positions
    kinds: Kinds
    seconds: Numbers
    server_id: Numbers
    end_pos: Numbers
    length: Numbers

    def __len__(self) -> int:
        return len(self.kinds)

    def body(self, index: int) -> bytes:
        """The body of one event."""
        return self.data[self.start[index] : self.end[index]].tobytes()

    @classmethod
    def of(cls, packets: Packets, *, skip: int, checksums: bool) -> Events:
        """The events that packets hold, one each.

        Args:
            packets: as they were received.
            skip: bytes of each packet before the event.
            checksums: whether each event ends with one.
        """
        data = np.frombuffer(packets.data, np.uint8)
        at = np.array(packets.start, np.int64) + skip
        size = np.array(packets.size, np.int64) - skip
        return cls._at(data, at, size, CHECKSUM if checksums else 0)

    def recut(self, after: int, trailer: int) -> Events:
        """The same with another length of the checksums of the events behind one."""
        end = self.end.copy()
        end[after + 1 :] = self.start[after + 1 :] - HEADER + self.length[after + 1 :] - trailer
        return Events(self.data, self.start, end, self.kinds, self.seconds, self.server_id, self.end_pos, self.length)

    @classmethod
    def _at(cls, data: Bytes, at: Positions, size: Numbers, trailer: int) -> Events:
        kinds = data[at + 4]
        # The checksum of this one is there whatever is agreed on, but its reader knows.
        cut = np.where(kinds == FORMAT_DESCRIPTION, 0, trailer)
        return cls(
            data,
            at + HEADER,
            at + size - cut,
            kinds,
            gather(data, at, "<u4").astype(np.int64),
            gather(data, at, "<u4", 5).astype(np.int64),
            gather(data, at, "<u4", 13).astype(np.int64),
            size,
        )

    def chosen(self, which: npt.NDArray[Any] | slice) -> Events:
        """Some of them, over the same buffer."""
        return Events(
            self.data,
            self.start[which],
            self.end[which],
            self.kinds[which],
            self.seconds[which],
            self.server_id[which],
            self.end_pos[which],
            self.length[which],
        )

    def copied(self) -> Events:
        """The same over a buffer that holds nothing else."""
        bodies = [self.body(index) for index in range(len(self))]
        end = np.cumsum([len(one) for one in bodies], dtype=np.int64)
        return self._with(b"".join(bodies) + bytes(PADDING), end - (self.end - self.start), end)

    def placed(self, where: Events) -> Events:
        """The same as if all were in the log where one event is, and when it was written."""
        one = np.zeros(len(self), np.int64)
        return Events(
            self.data,
            self.start,
            self.end,
            self.kinds,
            where.seconds[one],
            where.server_id[one],
            where.end_pos[one],
            where.length[one],
        )

    @classmethod
    def joined(cls, parts: Sequence[Events]) -> Events:
        """The events of some parts, at least one, one after the other; the parts may share buffers."""
        if len(parts) == 1:
            return parts[0]
        buffers = {id(part.data): part.data for part in parts}
        sizes = np.cumsum([0, *(len(one) for one in buffers.values())])
        base = dict(zip(buffers, sizes.tolist(), strict=False))
        bases = [base[id(part.data)] for part in parts]
        return cls(
            np.concatenate(list(buffers.values())),
            np.concatenate([part.start + more for part, more in zip(parts, bases, strict=True)]),
            np.concatenate([part.end + more for part, more in zip(parts, bases, strict=True)]),
            np.concatenate([part.kinds for part in parts]),
            np.concatenate([part.seconds for part in parts]),
            np.concatenate([part.server_id for part in parts]),
            np.concatenate([part.end_pos for part in parts]),
            np.concatenate([part.length for part in parts]),
        )

    def opened(self) -> Events:
        """The same with MySQL's compressed transactions laid open.

        Raises:
            FatalError: a compression that is not known.
        """
        return self._without_payloads() if (self.kinds == PAYLOAD).any() else self

    def unpacked(self) -> Events:
        """The same with what is compressed laid open.

        Raises:
            FatalError: a compression that is not known.
        """
        if (self.kinds == PAYLOAD).any():
            return self.opened().unpacked()
        packed = np.flatnonzero(IS_COMPRESSED[self.kinds])
        if not len(packed):
            return self
        more = bytearray()
        base = len(self.data) - PADDING
        start, end = self.start.copy(), self.end.copy()
        for index in packed.tolist():
            body = self.body(index)
            head = rows_start(body, second=bool(SECOND_LAYOUT[self.kinds[index]]), update=_is_update(self.kinds[index]))
            start[index] = base + len(more)
            more += body[:head] + inflated(body[head:])
            end[index] = base + len(more)
        return self._with(bytes(self.data[:base]) + bytes(more) + bytes(PADDING), start, end)

    def _with(self, data: bytes, start: Positions, end: Positions) -> Events:
        buffer = np.frombuffer(data, np.uint8)
        return Events(buffer, start, end, self.kinds, self.seconds, self.server_id, self.end_pos, self.length)

    def _without_payloads(self) -> Events:
        """MySQL's compressed transactions, each event in its place."""
        parts: list[bytes] = []
        packets_start: list[int] = []
        packets_size: list[int] = []
        pos: list[tuple[int, int]] = []
        total = 0
        for index in range(len(self)):
            if self.kinds[index] != PAYLOAD:
                raw = [self.data[self.start[index] - HEADER : self.end[index]].tobytes()]
            else:
                raw = list(_payload_events(self.body(index)))
            for one in raw:
                parts.append(one)
                packets_start.append(total)
                packets_size.append(len(one))
                total += len(one)
                pos.append((int(self.end_pos[index]), int(self.length[index])))
        data = np.frombuffer(b"".join(parts) + bytes(PADDING), np.uint8)
        found = Events._at(data, np.array(packets_start, np.int64), np.array(packets_size, np.int64), 0)
        places = np.array(pos, np.int64).reshape(-1, 2)
        return Events(
            found.data, found.start, found.end, found.kinds, found.seconds, found.server_id, places[:, 0], places[:, 1]
        )


def _is_update(kind: int) -> bool:
    return bool(OPERATIONS[kind] == ord("u"))


def _payload_events(body: bytes) -> Iterator[bytes]:
    at, method, raw_size = 0, _PLAIN, 0
    while True:
        kind, at = length_encoded(body, at)
        if kind == _PAYLOAD_END:
            break
        size, at = length_encoded(body, at)
        if kind == _PAYLOAD_METHOD:
            method, _ = length_encoded(body, at)
        elif kind == _PAYLOAD_RAW_SIZE:
            raw_size, _ = length_encoded(body, at)
        at += size
    packed = body[at:]
    if method == _ZSTD:
        packed = pa.Codec("zstd").decompress(packed, raw_size).to_pybytes()
    elif method != _PLAIN:
        raise FatalError(f"A transaction is compressed by method {method}, which is not known.")
    at = 0
    while at < len(packed):
        size = int.from_bytes(packed[at + 9 : at + 13], "little")
        yield packed[at : at + size]
        at += size


def inflated(packed: bytes) -> bytes:
    """What MariaDB compressed in an event.

    Raises:
        FatalError: by a method that is not known.
    """
    method, width = (packed[0] & 0x70) >> 4, packed[0] & 7
    if method != 0:
        raise FatalError(f"An event is compressed by method {method}, which is not known.")
    return zlib.decompress(packed[1 + width :])


def rows_start(body: bytes, *, second: bool, update: bool) -> int:
    """Where the rows of a row event begin.

    Args:
        body: the event's.
        second: whether its layout is the second one, with extra data.
        update: whether it has two sets of columns.
    """
    at = 8
    if second:
        at += int.from_bytes(body[at : at + 2], "little")
    columns, at = length_encoded(body, at)
    return at + (columns + 7) // 8 * (2 if update else 1)


def length_encoded(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where what follows begins."""
    first = data[at]
    if first < 0xFB:
        return first, at + 1
    width = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(data[at + 1 : at + 1 + width], "little"), at + 1 + width
