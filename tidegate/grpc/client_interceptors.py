"""What goes around every call a client makes: a deadline where the caller gave none, and the trace context."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
from opentelemetry.trace import SpanKind

from tidegate.telemetry.tracing import inject_metadata, tracer


def aio_interceptors(deadline: float) -> list[grpc.aio.ClientInterceptor]:
    """Interceptors for an asyncio channel.

    Args:
        deadline: seconds for unary calls without a timeout.
    """
    return [_AioUnary(deadline), _AioServerStream()]


def sync_interceptors(deadline: float) -> list[Any]:
    """Interceptors for a blocking channel.

    Args:
        deadline: seconds for unary calls without a timeout.
    """
    return [_SyncUnary(deadline), _SyncServerStream()]


class _AioUnary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        with tracer(__name__).start_as_current_span(_name(client_call_details.method), kind=SpanKind.CLIENT):
            call = await continuation(_aio_details(client_call_details, self._deadline), request)
            # The span covers the answer, not only the sending; the caller awaits the call itself again.
            await call.code()
            return call


class _AioServerStream(grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(_aio_details(client_call_details, None), request)


class _SyncUnary(grpc.UnaryUnaryClientInterceptor):
    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def intercept_unary_unary(self, continuation: Callable[..., Any], client_call_details: Any, request: Any) -> Any:
        with tracer(__name__).start_as_current_span(_name(client_call_details.method), kind=SpanKind.CLIENT):
            return continuation(_sync_details(client_call_details, self._deadline), request)


class _SyncServerStream(grpc.UnaryStreamClientInterceptor):
    def intercept_unary_stream(self, continuation: Callable[..., Any], client_call_details: Any, request: Any) -> Any:
        return continuation(_sync_details(client_call_details, None), request)


class _SyncDetails(
    namedtuple("_SyncDetails", ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression")),
    grpc.ClientCallDetails,
):
    """What gRPC asks of call details; its own class for them is private."""


def _name(method: str | bytes) -> str:
    return (method.decode() if isinstance(method, bytes) else method).lstrip("/")


def _aio_details(details: grpc.aio.ClientCallDetails, deadline: float | None) -> grpc.aio.ClientCallDetails:
    metadata = grpc.aio.Metadata(*(details.metadata or ()))
    for key, value in inject_metadata():
        metadata.add(key, value)
    timeout = deadline if details.timeout is None else details.timeout
    return grpc.aio.ClientCallDetails(details.method, timeout, metadata, details.credentials, details.wait_for_ready)


def _sync_details(details: Any, deadline: float | None) -> _SyncDetails:
    return _SyncDetails(
        details.method,
        deadline if details.timeout is None else details.timeout,
        (*(details.metadata or ()), *inject_metadata()),
        details.credentials,
        details.wait_for_ready,
        details.compression,
    )
