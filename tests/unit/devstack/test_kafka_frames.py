"""The Kafka messages the transaction gate reads and writes."""

from __future__ import annotations

import struct

import pytest

from tidegate.devstack import kafka_frames as frames


def _produce(version: int, *, transactional_id: str = "tx", topic: str = "t", partition: int = 3) -> bytes:
    flexible = version >= 9
    batch = b"\x00" * 43 + struct.pack(">qh", 77, 5) + b"records"
    header = struct.pack(">hhi", frames.PRODUCE, version, 42) + struct.pack(">h", 2) + b"me"

    def text(value: str) -> bytes:
        data = value.encode()
        return (bytes([len(data) + 1]) if flexible else struct.pack(">h", len(data))) + data

    def size(count: int) -> bytes:
        return bytes([count + 1]) if flexible else struct.pack(">i", count)

    tags = b"\x00" if flexible else b""
    return b"".join(
        [
            header + tags,
            text(transactional_id) + struct.pack(">hi", -1, 1000),
            size(1) + text(topic) + size(1) + struct.pack(">i", partition),
            size(len(batch)) + batch + tags + tags + tags,
        ]
    )


@pytest.mark.parametrize("version", [3, 5, 7, 8, 9, 10, 11])
def test_a_produce_request_names_its_producer_and_is_answered_for_every_partition(version: int) -> None:
    frame = _produce(version)

    assert frames.producer(frame) == frames.Producer("tx", 77, 5)
    answer = frames.produce_accepted(frame)
    assert struct.unpack(">i", answer[:4]) == (42,)
    assert frames.produce_errors(frames.request_header(frame), answer) == []


@pytest.mark.parametrize("version", [3, 8, 9])
def test_an_error_of_any_partition_is_found(version: int) -> None:
    frame = _produce(version)
    refused = frames.produce_accepted(frame).replace(
        struct.pack(">ihq", 3, 0, -1), struct.pack(">ihq", 3, frames.INVALID_PRODUCER_EPOCH, -1)
    )

    assert frames.produce_errors(frames.request_header(frame), refused) == [frames.INVALID_PRODUCER_EPOCH]


@pytest.mark.parametrize(("version", "flexible"), [(1, False), (3, True)])
@pytest.mark.parametrize("commits", [True, False])
def test_an_end_of_transaction_tells_whose_and_how(version: int, flexible: bool, commits: bool) -> None:
    tags = b"\x00" if flexible else b""
    name = b"\x03tx" if flexible else b"\x00\x02tx"
    frame = (
        struct.pack(">hhi", frames.END_TXN, version, 9)
        + b"\xff\xff"
        + tags
        + name
        + struct.pack(">qh", 77, 5)
        + bytes([commits])
        + tags
    )

    assert frames.producer(frame) == frames.Producer("tx", 77, 5)
    assert frames.end_txn_commits(frame) is commits


def _add_partitions(version: int) -> bytes:
    flexible = version >= 3
    tags = b"\x00" if flexible else b""
    name, topic = (b"\x03tx", b"\x02t") if flexible else (b"\x00\x02tx", b"\x00\x01t")

    def size(count: int) -> bytes:
        return bytes([count + 1]) if flexible else struct.pack(">i", count)

    return b"".join(
        [
            struct.pack(">hhi", frames.ADD_PARTITIONS_TO_TXN, version, 42) + b"\x00\x02me" + tags,
            name + struct.pack(">qh", 77, 5),
            size(1) + topic + size(2) + struct.pack(">ii", 3, 4) + tags + tags,
        ]
    )


@pytest.mark.parametrize("version", [0, 2, 3])
def test_partitions_are_added_for_their_producer_and_a_refused_one_is_found(version: int) -> None:
    frame = _add_partitions(version)

    assert frames.producer(frame) == frames.Producer("tx", 77, 5)
    answer = frames.partitions_accepted(frame)
    header = frames.request_header(frame)
    assert struct.unpack(">i", answer[:4]) == (42,)
    assert frames.partitions_errors(header, answer) == []
    refused = answer.replace(struct.pack(">ih", 4, 0), struct.pack(">ih", 4, frames.INVALID_PRODUCER_EPOCH))
    assert frames.partitions_errors(header, refused) == [frames.INVALID_PRODUCER_EPOCH]


def test_what_brokers_say_to_each_other_is_of_no_producer() -> None:
    header = struct.pack(">hhi", frames.ADD_PARTITIONS_TO_TXN, 4, 42) + b"\x00\x02me"

    assert frames.producer(header + b"\x00" * 8) is None


def test_a_frame_cut_short_is_an_error_not_a_crash() -> None:
    frame = _produce(9)

    with pytest.raises(frames.FrameError):
        frames.producer(frame[:30])


def _txn_offset_commit(version: int) -> bytes:
    flexible = version >= 3

    def text(value: str | None) -> bytes:
        data = (value or "").encode()
        if value is None:
            return b"\x00" if flexible else b"\xff\xff"
        return (bytes([len(data) + 1]) if flexible else struct.pack(">h", len(data))) + data

    def size(count: int) -> bytes:
        return bytes([count + 1]) if flexible else struct.pack(">i", count)

    tags = b"\x00" if flexible else b""
    epoch = struct.pack(">i", 7) if version >= 2 else b""
    return b"".join(
        [
            struct.pack(">hhi", frames.TXN_OFFSET_COMMIT, version, 42) + b"\x00\x02me" + tags,
            text("tx") + text("group") + struct.pack(">qh", 77, 5),
            struct.pack(">i", -1) + text("") + text(None) if flexible else b"",
            size(1) + text("t") + size(2),
            struct.pack(">iq", 0, 100) + epoch + text("meta") + tags,
            struct.pack(">iq", 1, 200) + epoch + text(None) + tags,
            tags + tags,
        ]
    )


@pytest.mark.parametrize("version", [0, 2, 3])
def test_offsets_of_a_transaction_are_read_and_become_a_plain_commit(version: int) -> None:
    frame = _txn_offset_commit(version)

    assert frames.producer(frame) == frames.Producer("tx", 77, 5)
    wanted = frames.group_offsets(frame)
    epoch = 7 if version >= 2 else -1
    assert wanted == frames.GroupOffsets(
        "group", (frames.GroupOffset("t", 0, 100, epoch, "meta"), frames.GroupOffset("t", 1, 200, epoch, None))
    )
    assert frames.group_offsets_accepted(frame).startswith(struct.pack(">i", 42))
    assert frames.request_header(frames.offset_commit(wanted)).api_key == frames.OFFSET_COMMIT


def test_a_refused_offset_is_found() -> None:
    response = struct.pack(">iii", 0, 0, 1) + b"\x00\x01t" + struct.pack(">iihih", 2, 0, 0, 1, 25)

    assert frames.offset_commit_errors(response) == [25]
