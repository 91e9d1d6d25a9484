"""Translation between this package's types and etcd's messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tidegate.api.etcd.v1 import etcd_pb2 as pb
from tidegate.etcd.events import Changes, Delete, Event, Put
from tidegate.etcd.keyvalue import KeyValue
from tidegate.etcd.transaction import Compare, CompareTarget, Op, Operator, OpKind, TxnResult

_RESULTS: Final[dict[Operator, pb.Compare.CompareResult.ValueType]] = {
    "==": pb.Compare.EQUAL,
    "!=": pb.Compare.NOT_EQUAL,
    "<": pb.Compare.LESS,
    ">": pb.Compare.GREATER,
}


def encode_key(key: str) -> bytes:
    """The bytes of a key. Keys that are not UTF-8 survive a round trip (PEP 383)."""
    return key.encode("utf-8", "surrogateescape")


def decode_key(key: bytes) -> str:
    """The text of a key; inverse of :func:`encode_key`."""
    return key.decode("utf-8", "surrogateescape")


def prefix_range(prefix: str) -> tuple[bytes, bytes]:
    """The half-open range ``[key, range_end)`` of all keys that begin with ``prefix``; "" means every key.

    Source: etcd API reference, "Key ranges": a range end of one zero byte means "to the end of the keyspace".
    """
    start = encode_key(prefix)
    if not start:
        return b"\x00", b"\x00"
    stem = start.rstrip(b"\xff")
    if not stem:
        return start, b"\x00"
    return start, stem[:-1] + bytes([stem[-1] + 1])


def decode_kv(kv: pb.KeyValue) -> KeyValue:
    """A key of a response."""
    return KeyValue(
        key=decode_key(kv.key),
        value=kv.value,
        create_revision=kv.create_revision,
        mod_revision=kv.mod_revision,
        version=kv.version,
        lease=kv.lease,
    )


def decode_kvs(kvs: Iterable[pb.KeyValue]) -> tuple[KeyValue, ...]:
    """The keys of a response."""
    return tuple(decode_kv(kv) for kv in kvs)


def encode_compare(compare: Compare) -> pb.Compare:
    """A condition of a transaction."""
    message = pb.Compare(key=encode_key(compare.key), result=_RESULTS[compare.operator])
    operand = compare.operand
    if isinstance(operand, bytes):
        message.target, message.value = pb.Compare.VALUE, operand
    elif compare.target is CompareTarget.MOD_REVISION:
        message.target, message.mod_revision = pb.Compare.MOD, operand
    elif compare.target is CompareTarget.CREATE_REVISION:
        message.target, message.create_revision = pb.Compare.CREATE, operand
    else:
        message.target, message.version = pb.Compare.VERSION, operand
    return message


def encode_op(op: Op) -> pb.RequestOp:
    """An operation of a transaction."""
    if op.kind is OpKind.PUT:
        put = pb.PutRequest(key=encode_key(op.key), value=op.value, lease=op.lease)
        return pb.RequestOp(request_put=put)
    key, range_end = prefix_range(op.key) if op.prefix else (encode_key(op.key), b"")
    if op.kind is OpKind.DELETE:
        return pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key, range_end=range_end))
    return pb.RequestOp(request_range=pb.RangeRequest(key=key, range_end=range_end))


def encode_txn(compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op]) -> pb.TxnRequest:
    """A transaction."""
    return pb.TxnRequest(
        compare=[encode_compare(compare) for compare in compares],
        success=[encode_op(op) for op in success],
        failure=[encode_op(op) for op in failure],
    )


def decode_txn(response: pb.TxnResponse) -> TxnResult:
    """What a transaction did."""
    return TxnResult(
        succeeded=response.succeeded,
        revision=response.header.revision,
        gets=tuple(
            decode_kvs(op.response_range.kvs)
            for op in response.responses
            if op.WhichOneof("response") == "response_range"
        ),
    )


def decode_event(event: pb.Event) -> Event:
    """A change."""
    previous = decode_kv(event.prev_kv) if event.HasField("prev_kv") else None
    if event.type == pb.Event.DELETE:
        return Delete(decode_key(event.kv.key), event.kv.mod_revision, previous)
    return Put(decode_kv(event.kv), previous)


def decode_changes(response: pb.WatchResponse) -> Changes:
    """The changes of a watch response that has some.

    The revision is the last event's: the header's may be ahead of events still to come while the server catches up.
    """
    events = tuple(decode_event(event) for event in response.events)
    return Changes(events, events[-1].mod_revision)
