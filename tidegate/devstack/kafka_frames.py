"""The few Kafka protocol messages the transaction gate has to understand, as pure functions.

Source: the Apache Kafka protocol guide and the message definitions of Produce (0), OffsetCommit (8), InitProducerId
(22), AddPartitionsToTxn (24), EndTxn (26) and TxnOffsetCommit (28).
A frame here is a message without its 4-byte size.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

PRODUCE = 0
OFFSET_COMMIT = 8
INIT_PRODUCER_ID = 22
ADD_PARTITIONS_TO_TXN = 24
END_TXN = 26
TXN_OFFSET_COMMIT = 28

_FIRST_FLEXIBLE = {PRODUCE: 9, INIT_PRODUCER_ID: 2, ADD_PARTITIONS_TO_TXN: 3, END_TXN: 3, TXN_OFFSET_COMMIT: 3}
_FIRST_ADD_PARTITIONS_OF_BROKERS = 4
_OFFSET_COMMIT_VERSION = 7
INVALID_PRODUCER_EPOCH = 47
_PRODUCER_ID_IN_BATCH = 43


class FrameError(ValueError):
    """A frame is shorter than its message."""


class _Reader:
    def __init__(self, frame: bytes) -> None:
        self._frame = frame
        self._at = 0

    def take(self, size: int) -> bytes:
        piece = self._frame[self._at : self._at + size]
        if len(piece) != size:
            raise FrameError(f"a frame of {len(self._frame)} bytes ends inside a field")
        self._at += size
        return piece

    def unpack(self, layout: str) -> int:
        return int(struct.unpack(f">{layout}", self.take(struct.calcsize(f">{layout}")))[0])

    def uvarint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def string(self, *, compact: bool) -> str | None:
        size = self.uvarint() - 1 if compact else self.unpack("h")
        return None if size < 0 else self.take(size).decode()

    def skip_bytes(self, *, compact: bool) -> None:
        size = self.uvarint() - 1 if compact else self.unpack("i")
        if size > 0:
            self.take(size)

    def length(self, *, compact: bool) -> int:
        return max(0, self.uvarint() - 1 if compact else self.unpack("i"))

    def skip_tags(self, *, flexible: bool) -> None:
        if flexible:
            for _ in range(self.uvarint()):
                self.uvarint()
                self.take(self.uvarint())


def _uvarint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _string(text: str | None, *, compact: bool) -> bytes:
    if text is None:
        return b"\x00" if compact else b"\xff\xff"
    data = text.encode()
    return (_uvarint(len(data) + 1) if compact else struct.pack(">h", len(data))) + data


def _array(size: int, *, compact: bool) -> bytes:
    return _uvarint(size + 1) if compact else struct.pack(">i", size)


@dataclass(frozen=True)
class RequestHeader:
    """What stands before every request.

    Args:
        api_key: kind of request.
        api_version: its version.
        correlation_id: repeated in the response.
        flexible: whether the version uses compact lengths and tagged fields; only told for the kinds named here.
    """

    api_key: int
    api_version: int
    correlation_id: int
    flexible: bool


def _start(frame: bytes) -> tuple[RequestHeader, _Reader]:
    reader = _Reader(frame)
    api_key, api_version, correlation_id = reader.unpack("h"), reader.unpack("h"), reader.unpack("i")
    flexible = api_version >= _FIRST_FLEXIBLE.get(api_key, 1 << 15)
    return RequestHeader(api_key, api_version, correlation_id, flexible), reader


def _body(frame: bytes) -> tuple[RequestHeader, _Reader]:
    header, reader = _start(frame)
    reader.string(compact=False)
    reader.skip_tags(flexible=header.flexible)
    return header, reader


def request_header(frame: bytes) -> RequestHeader:
    """Reads the header of any request."""
    return _start(frame)[0]


def transactional_id(frame: bytes) -> str | None:
    """The transactional id of a Produce, InitProducerId or EndTxn request; None when it has none."""
    header, reader = _body(frame)
    return reader.string(compact=header.flexible)


class Producer(NamedTuple):
    """One incarnation of a transactional producer."""

    transactional_id: str
    producer_id: int
    epoch: int


def producer(frame: bytes) -> Producer | None:
    """Who sent a Produce, AddPartitionsToTxn, EndTxn or TxnOffsetCommit request; None when it is not transactional.

    From version 4 on AddPartitionsToTxn is what brokers say to each other (KIP-890), and of no producer.
    """
    header, reader = _body(frame)
    if header.api_key == ADD_PARTITIONS_TO_TXN and header.api_version >= _FIRST_ADD_PARTITIONS_OF_BROKERS:
        return None
    compact = header.flexible
    name = reader.string(compact=compact)
    if name is None:
        return None
    if header.api_key == TXN_OFFSET_COMMIT:
        reader.string(compact=compact)
    if header.api_key == PRODUCE:
        reader.take(2 + 4)
        if not reader.length(compact=compact):
            return None
        reader.string(compact=compact)
        if not reader.length(compact=compact):
            return None
        reader.take(4)
        reader.length(compact=compact)
        reader.take(_PRODUCER_ID_IN_BATCH)
    return Producer(name, reader.unpack("q"), reader.unpack("h"))


def end_txn_commits(frame: bytes) -> bool:
    """Whether an EndTxn request commits rather than aborts."""
    header, reader = _body(frame)
    reader.string(compact=header.flexible)
    reader.take(8 + 2)
    return reader.take(1) != b"\x00"


class GroupOffset(NamedTuple):
    """A position of a consumer group."""

    topic: str
    partition: int
    offset: int
    leader_epoch: int
    metadata: str | None


@dataclass(frozen=True)
class GroupOffsets:
    """What a TxnOffsetCommit request asks for.

    Args:
        group: consumer group.
        offsets: its positions.
    """

    group: str
    offsets: tuple[GroupOffset, ...]


def group_offsets(frame: bytes) -> GroupOffsets:
    """Reads a TxnOffsetCommit request."""
    header, reader = _body(frame)
    compact, version = header.flexible, header.api_version
    reader.string(compact=compact)
    group = reader.string(compact=compact) or ""
    reader.take(8 + 2)
    if version >= 3:
        reader.take(4)
        reader.string(compact=compact)
        reader.string(compact=compact)
    offsets = []
    for _ in range(reader.length(compact=compact)):
        topic = reader.string(compact=compact) or ""
        for _ in range(reader.length(compact=compact)):
            partition, offset = reader.unpack("i"), reader.unpack("q")
            leader_epoch = reader.unpack("i") if version >= 2 else -1
            metadata = reader.string(compact=compact)
            reader.skip_tags(flexible=compact)
            offsets.append(GroupOffset(topic, partition, offset, leader_epoch, metadata))
        reader.skip_tags(flexible=compact)
    return GroupOffsets(group, tuple(offsets))


def group_offsets_accepted(frame: bytes) -> bytes:
    """The response that tells the sender of a TxnOffsetCommit request that every position was taken."""
    topics: dict[str | None, list[int]] = {}
    for each in group_offsets(frame).offsets:
        topics.setdefault(each.topic, []).append(each.partition)
    return _accepted(request_header(frame), list(topics.items()))


def _accepted(header: RequestHeader, topics: Sequence[tuple[str | None, Sequence[int]]]) -> bytes:
    """A response of no throttling and, for each partition of each topic, no error."""
    compact = header.flexible
    tags = b"\x00" if compact else b""
    parts = [struct.pack(">i", header.correlation_id), tags, struct.pack(">i", 0), _array(len(topics), compact=compact)]
    for topic, partitions in topics:
        parts += [_string(topic, compact=compact), _array(len(partitions), compact=compact)]
        parts += [struct.pack(">ih", partition, 0) + tags for partition in partitions]
        parts.append(tags)
    return b"".join([*parts, tags])


def _partition_errors(reader: _Reader, *, compact: bool) -> list[int]:
    """The error codes other than 0 of topics' partitions."""
    errors = []
    for _ in range(reader.length(compact=compact)):
        reader.string(compact=compact)
        for _ in range(reader.length(compact=compact)):
            reader.take(4)
            errors.append(reader.unpack("h"))
            reader.skip_tags(flexible=compact)
        reader.skip_tags(flexible=compact)
    return [error for error in errors if error]


def _added_partitions(frame: bytes) -> list[tuple[str | None, list[int]]]:
    header, reader = _body(frame)
    compact = header.flexible
    reader.string(compact=compact)
    reader.take(8 + 2)
    topics = []
    for _ in range(reader.length(compact=compact)):
        name = reader.string(compact=compact)
        topics.append((name, [reader.unpack("i") for _ in range(reader.length(compact=compact))]))
        reader.skip_tags(flexible=compact)
    return topics


def partitions_accepted(frame: bytes) -> bytes:
    """The response that tells the sender of an AddPartitionsToTxn request that every partition was taken."""
    return _accepted(request_header(frame), _added_partitions(frame))


def partitions_errors(header: RequestHeader, response: bytes) -> list[int]:
    """The error codes other than 0 in the response to an AddPartitionsToTxn request."""
    reader = _Reader(response)
    reader.take(4)
    reader.skip_tags(flexible=header.flexible)
    reader.take(4)
    return _partition_errors(reader, compact=header.flexible)


def offset_commit(wanted: GroupOffsets) -> bytes:
    """An OffsetCommit request of a member-less group, as an administrator's."""
    parts = [
        struct.pack(">hhi", OFFSET_COMMIT, _OFFSET_COMMIT_VERSION, 0),
        _string("tidegate-transaction-gate", compact=False),
        _string(wanted.group, compact=False),
        struct.pack(">i", -1),
        _string("", compact=False),
        _string(None, compact=False),
        _array(len(wanted.offsets), compact=False),
    ]
    for each in wanted.offsets:
        parts += [
            _string(each.topic, compact=False),
            _array(1, compact=False),
            struct.pack(">iqi", each.partition, each.offset, each.leader_epoch),
            _string(each.metadata, compact=False),
        ]
    return b"".join(parts)


def offset_commit_errors(response: bytes) -> list[int]:
    """The error codes other than 0 in the response to :func:`offset_commit`."""
    reader = _Reader(response)
    reader.take(4 + 4)
    return _partition_errors(reader, compact=False)


def produce_accepted(frame: bytes) -> bytes:
    """The response that tells the sender of a Produce request that every partition took its records."""
    header, reader = _body(frame)
    compact = header.flexible
    reader.string(compact=compact)
    reader.take(2 + 4)
    topics = []
    for _ in range(reader.length(compact=compact)):
        name = reader.string(compact=compact)
        partitions = []
        for _ in range(reader.length(compact=compact)):
            partitions.append(reader.unpack("i"))
            reader.skip_bytes(compact=compact)
            reader.skip_tags(flexible=compact)
        reader.skip_tags(flexible=compact)
        topics.append((name, partitions))
    tags = b"\x00" if compact else b""
    version = header.api_version
    parts = [struct.pack(">i", header.correlation_id), tags, _array(len(topics), compact=compact)]
    for name, partitions in topics:
        parts += [_string(name, compact=compact), _array(len(partitions), compact=compact)]
        for partition in partitions:
            parts.append(struct.pack(">ihqq", partition, 0, -1, -1))
            if version >= 5:
                parts.append(struct.pack(">q", -1))
            if version >= 8:
                parts += [_array(0, compact=compact), _string(None, compact=compact)]
            parts.append(tags)
        parts.append(tags)
    return b"".join([*parts, struct.pack(">i", 0), tags])


def produce_errors(header: RequestHeader, response: bytes) -> list[int]:
    """The error codes other than 0 in the response to a Produce request."""
    reader = _Reader(response)
    compact, version = header.flexible, header.api_version
    reader.take(4)
    reader.skip_tags(flexible=compact)
    errors = []
    for _ in range(reader.length(compact=compact)):
        reader.string(compact=compact)
        for _ in range(reader.length(compact=compact)):
            reader.take(4)
            errors.append(reader.unpack("h"))
            reader.take(16 + (8 if version >= 5 else 0))
            if version >= 8:
                for _ in range(reader.length(compact=compact)):
                    reader.take(4)
                    reader.string(compact=compact)
                    reader.skip_tags(flexible=compact)
                reader.string(compact=compact)
            reader.skip_tags(flexible=compact)
        reader.skip_tags(flexible=compact)
    return [error for error in errors if error]


def end_txn_refused(frame: bytes, error: int) -> bytes:
    """The response that refuses an EndTxn request with an error code."""
    header = request_header(frame)
    tags = b"\x00" if header.flexible else b""
    return struct.pack(">i", header.correlation_id) + tags + struct.pack(">ih", 0, error) + tags


def end_txn_error(header: RequestHeader, response: bytes) -> int:
    """The error code of the response to an EndTxn request; 0 when the transaction has ended."""
    reader = _Reader(response)
    reader.take(4)
    reader.skip_tags(flexible=header.flexible)
    reader.take(4)
    return reader.unpack("h")
