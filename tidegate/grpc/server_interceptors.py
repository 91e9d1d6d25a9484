"""What goes around every call a service answers: its span, its metrics, its errors as statuses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from grpc_status import rpc_status
from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram

from tidegate.errors import TidegateError
from tidegate.grpc.around_interceptor import AroundInterceptor
from tidegate.grpc.errors import to_status
from tidegate.telemetry.logging import get_logger
from tidegate.telemetry.tracing import extract_metadata, tracer

_Context = grpc.aio.ServicerContext[Any, Any]

log = get_logger(__name__)

_HANDLED = Counter("tidegate_grpc_requests", "gRPC calls answered, by status code.", ["method", "code"])
_SECONDS = Histogram("tidegate_grpc_request_seconds", "Duration of gRPC calls; streams as a whole.", ["method"])


@asynccontextmanager
async def _errors(method: str, context: _Context) -> AsyncIterator[None]:
    try:
        yield
    except (grpc.aio.AbortError, asyncio.CancelledError, GeneratorExit):
        raise
    except Exception as error:
        if isinstance(error, TidegateError):
            log.debug("rpc_refused", method=method, error=str(error))
        else:
            log.exception("rpc_failed", method=method)
        await context.abort_with_status(rpc_status.to_status(to_status(error)))


@asynccontextmanager
async def _metrics(method: str, context: _Context) -> AsyncIterator[None]:
    began = time.monotonic()
    code = "OK"
    try:
        yield
    except BaseException as error:
        code = _code_name(context) if isinstance(error, grpc.aio.AbortError) else "CANCELLED"
        raise
    finally:
        _HANDLED.labels(method, code).inc()
        _SECONDS.labels(method).observe(time.monotonic() - began)


@asynccontextmanager
async def _span(method: str, context: _Context) -> AsyncIterator[None]:
    parent = extract_metadata(context.invocation_metadata())
    with tracer(__name__).start_as_current_span(method.lstrip("/"), context=parent, kind=SpanKind.SERVER):
        yield


def _code_name(context: _Context) -> str:
    code: Any = context.code()
    if isinstance(code, grpc.StatusCode):
        return code.name
    return next((each.name for each in grpc.StatusCode if each.value[0] == code), "UNKNOWN")


def server_interceptors() -> list[grpc.aio.ServerInterceptor]:
    """New interceptors, outermost first."""
    return [AroundInterceptor(_span), AroundInterceptor(_metrics), AroundInterceptor(_errors)]
