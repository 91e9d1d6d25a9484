"""The remote procedures of etcd that Tidegate calls, on one channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from tidegate.api.etcd.v1 import etcd_pb2 as pb

if TYPE_CHECKING:
    from grpc.aio import StreamStreamMultiCallable, UnaryUnaryMultiCallable

    Unary = UnaryUnaryMultiCallable
    Bidi = StreamStreamMultiCallable

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)


class Methods:
    """Typed callables for the services etcdserverpb.KV, Watch, Lease and Auth.

    Args:
        channel: the channel they call on; owned by the caller.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        def unary(path: str, request: type[Q], parse: Callable[[bytes], R]) -> Unary[Q, R]:
            return channel.unary_unary(path, request_serializer=request.SerializeToString, response_deserializer=parse)

        def bidi(path: str, request: type[Q], parse: Callable[[bytes], R]) -> Bidi[Q, R]:
            return channel.stream_stream(
                path, request_serializer=request.SerializeToString, response_deserializer=parse
            )

        self.range = unary("/etcdserverpb.KV/Range", pb.RangeRequest, pb.RangeResponse.FromString)
        self.put = unary("/etcdserverpb.KV/Put", pb.PutRequest, pb.PutResponse.FromString)
        self.delete_range = unary(
            "/etcdserverpb.KV/DeleteRange", pb.DeleteRangeRequest, pb.DeleteRangeResponse.FromString
        )
        self.txn = unary("/etcdserverpb.KV/Txn", pb.TxnRequest, pb.TxnResponse.FromString)
        self.lease_grant = unary(
            "/etcdserverpb.Lease/LeaseGrant", pb.LeaseGrantRequest, pb.LeaseGrantResponse.FromString
        )
        self.lease_revoke = unary(
            "/etcdserverpb.Lease/LeaseRevoke", pb.LeaseRevokeRequest, pb.LeaseRevokeResponse.FromString
        )
        self.authenticate = unary(
            "/etcdserverpb.Auth/Authenticate", pb.AuthenticateRequest, pb.AuthenticateResponse.FromString
        )
        self.lease_keep_alive = bidi(
            "/etcdserverpb.Lease/LeaseKeepAlive", pb.LeaseKeepAliveRequest, pb.LeaseKeepAliveResponse.FromString
        )
        self.watch = bidi("/etcdserverpb.Watch/Watch", pb.WatchRequest, pb.WatchResponse.FromString)
