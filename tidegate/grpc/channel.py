"""Client channels: retries within a budget, a deadline on every call, the trace context along."""

from __future__ import annotations

import json
from typing import Final

import grpc
import grpc.aio

from tidegate.grpc.client_interceptors import aio_interceptors, sync_interceptors
from tidegate.grpc.server import MAX_MESSAGE_BYTES

DEFAULT_DEADLINE: Final = 10.0
"""Seconds a call may take when its caller names none."""

# gRFC A6: only what the peer refused or lost before answering is sent again; backoff is jittered by gRPC. The
# throttle is the budget: it stops retrying altogether while more than half of the calls fail.
_SERVICE_CONFIG: Final = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 20, "tokenRatio": 0.5},
}

_OPTIONS: Final = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.enable_retries", 1),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Proxies named by the environment are for the outside, not for one's own services.
    ("grpc.enable_http_proxy", 0),
)


def channel(target: str, *, deadline: float = DEFAULT_DEADLINE) -> grpc.aio.Channel:
    """A channel for asyncio; connects when first used, reconnects by itself; its owner closes it.

    Calls raise ``grpc.aio.AioRpcError``; :func:`tidegate.grpc.errors.from_rpc_error` makes Tidegate's error of it.

    Args:
        target: ``host:port``; a name with several addresses is used in turn.
        deadline: seconds a unary call may take, retries included, when it is given no ``timeout``. Streams have none
            unless given.
    """
    return grpc.aio.insecure_channel(target, options=_OPTIONS, interceptors=aio_interceptors(deadline))


def sync_channel(target: str, *, deadline: float = DEFAULT_DEADLINE, retries: bool = True) -> grpc.Channel:
    """The same for threads, such as a task's process; make it after the fork, in the process that uses it.

    Args:
        target: as in :func:`channel`.
        deadline: as in :func:`channel`.
        retries: False for a caller that turns to another server instead.
    """
    options = {**dict(_OPTIONS), "grpc.enable_retries": int(retries)}
    plain = grpc.insecure_channel(target, options=tuple(options.items()))
    return grpc.intercept_channel(plain, *sync_interceptors(deadline))
