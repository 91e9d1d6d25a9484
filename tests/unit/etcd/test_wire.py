"""Ranges and failures as etcd defines them."""

from __future__ import annotations

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.etcd.failure import Failure, judge
from tidegate.etcd.wire import decode_key, encode_key, prefix_range

KEYS = st.binary(max_size=6).map(decode_key)


@given(KEYS, KEYS)
def test_a_prefix_range_holds_exactly_the_keys_with_that_prefix(prefix: str, key: str) -> None:
    start, end = prefix_range(prefix)
    raw = encode_key(key) or b"\x00"
    inside = raw >= start and (end == b"\x00" or raw < end)
    assert inside == raw.startswith(encode_key(prefix))


@given(st.binary())
def test_any_key_survives_the_round_trip(key: bytes) -> None:
    assert encode_key(decode_key(key)) == key


@pytest.mark.parametrize(
    ("code", "details", "failure"),
    [
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: no leader", Failure.NOT_EXECUTED),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "etcdserver: too many requests", Failure.NOT_EXECUTED),
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: request timed out", Failure.UNKNOWN),
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: leader changed", Failure.UNKNOWN),
        (grpc.StatusCode.UNAVAILABLE, "Socket closed", Failure.UNKNOWN),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", Failure.UNKNOWN),
        (grpc.StatusCode.UNAUTHENTICATED, "etcdserver: invalid auth token", Failure.STALE_TOKEN),
        (grpc.StatusCode.PERMISSION_DENIED, "etcdserver: permission denied", Failure.REFUSED),
        (grpc.StatusCode.NOT_FOUND, "etcdserver: requested lease not found", Failure.REFUSED),
        (grpc.StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted", Failure.REFUSED),
    ],
)
def test_a_failed_call_tells_what_is_known(code: grpc.StatusCode, details: str, failure: Failure) -> None:
    assert judge(code, details) is failure
