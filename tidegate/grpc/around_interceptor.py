"""A server interceptor that puts one async context manager around every handler, of whichever shape."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc
import grpc.aio

Around = Callable[[str, "grpc.aio.ServicerContext[Any, Any]"], AbstractAsyncContextManager[None]]
"""Makes what goes around one call, from the method's full name (``/package.Service/Method``) and its context."""

_Handler = Any
_Context = Any


class AroundInterceptor(grpc.aio.ServerInterceptor):
    """Runs every call of the server inside ``around(method, context)``.

    Args:
        around: its body is the whole call: until the answer, or the last one of a stream, has been made.
    """

    def __init__(self, around: Around) -> None:
        self._around = around

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler:
        """Called by gRPC for each call, with what finds its handler."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = str(handler_call_details.method)
        shapes: dict[tuple[bool, bool], tuple[str, Callable[..., Any]]] = {
            (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
            (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
            (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
            (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
        }
        attribute, make = shapes[bool(handler.request_streaming), bool(handler.response_streaming)]
        behaviour = getattr(handler, attribute)
        wrap = self._streaming if handler.response_streaming else self._single
        return make(
            wrap(method, behaviour),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _single(self, method: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        async def call(request: Any, context: _Context) -> Any:
            async with self._around(method, context):
                return await behaviour(request, context)

        return call

    def _streaming(self, method: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        if not inspect.isasyncgenfunction(behaviour):
            # Such a handler writes to the context itself and returns nothing.
            return self._single(method, behaviour)

        async def call(request: Any, context: _Context) -> AsyncIterator[Any]:
            async with self._around(method, context):
                async for answer in behaviour(request, context):
                    yield answer

        return call
