"""Confluent's wire format."""

from __future__ import annotations

import io

import pytest
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from hypothesis import given
from hypothesis import strategies as st

from tidegate.records.wire_format import WireFormatError, frame, read_message_indexes, unframe, write_message_indexes


@given(st.integers(0, 2**31 - 1), st.binary())
def test_round_trip(schema_id: int, body: bytes) -> None:
    assert unframe(frame(schema_id, body)) == (schema_id, body)


def test_the_bytes() -> None:
    assert frame(258, b"x") == b"\x00\x00\x00\x01\x02x"


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"", "empty"),
        (b"\x01\x00\x00\x00\x01", "byte 0x01, not with magic byte 0x00"),
        (b"\x00\x00\x00", "after 3 of the 5 bytes"),
        (b"\x00\xff\xff\xff\xff", "ids end at"),
    ],
)
def test_what_is_not_framed(message: bytes, problem: str) -> None:
    with pytest.raises(WireFormatError, match=problem):
        unframe(message)


@pytest.mark.parametrize("schema_id", [-1, 2**31])
def test_ids_that_do_not_fit(schema_id: int) -> None:
    with pytest.raises(WireFormatError):
        frame(schema_id, b"")


@given(st.lists(st.integers(0, 2**20), min_size=1, max_size=8), st.binary())
def test_message_indexes_round_trip(indexes: list[int], body: bytes) -> None:
    written = write_message_indexes(indexes)
    assert read_message_indexes(written + body) == (indexes, len(written))


@given(st.binary(max_size=30))
def test_garbage_indexes_are_refused_or_read(body: bytes) -> None:
    try:
        indexes, position = read_message_indexes(body)
    except WireFormatError:
        return
    assert indexes
    assert position <= len(body)


def test_message_indexes_are_those_of_confluents_serializer() -> None:
    for indexes in ([0], [1], [0, 2], [3, 300, 0]):
        assert write_message_indexes(indexes) == _confluents(indexes)


def _confluents(indexes: list[int]) -> bytes:
    out = io.BytesIO()
    ProtobufSerializer._encode_varints(out, indexes, zigzag=True)
    return out.getvalue()
