"""Errors in Kafka Connect's shape: ``{"error_code": 409, "message": "..."}``."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidegate.errors import (
    AlreadyExistsError,
    ConfigError,
    ConflictError,
    NotFoundError,
    RetriableError,
    TidegateError,
)
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

REQUEST_TIMEOUT: Final = 90.0

_STATUSES: Final[tuple[tuple[type[TidegateError], int], ...]] = (
    (ConfigError, 400),
    (NotFoundError, 404),
    (AlreadyExistsError, 409),
    (ConflictError, 409),
    (RetriableError, 503),
)


def status_of(error: TidegateError) -> int:
    """The HTTP status of an error."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def error_response(status: int, message: str) -> JSONResponse:
    """An error as Kafka Connect answers it."""
    headers = {"retry-after": "1"} if status == 503 else None
    return JSONResponse({"error_code": status, "message": message}, status, headers)


async def answer_error(request: Request, error: Exception) -> Response:
    """The answer to one of Tidegate's errors."""
    assert isinstance(error, TidegateError)
    if not isinstance(error, ConfigError):
        return error_response(status_of(error), str(error))
    lines = "\n".join(f"{problem.key}: {problem.message}" for problem in error.problems)
    count = len(error.problems)
    return error_response(
        400,
        f"Connector configuration is invalid and contains the following {count} error(s):\n{lines}"
        if request.method in ("POST", "PUT", "PATCH") and not any(each.key == "body" for each in error.problems)
        else lines,
    )


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """The answer to an unknown path, a wrong method, a body that is too large."""
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    detail = f"HTTP {error.status_code} {phrase}" if error.detail == phrase else error.detail
    answer = error_response(error.status_code, detail)
    answer.headers.update(error.headers or {})
    return answer


class LastResort:
    """Answers what no handler expected, and what takes too long, so that a client is never left with a broken line.

    Args:
        app: everything else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by the server for each request."""
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                await self._app(scope, receive, watched_send)
        except TimeoutError:
            answer = error_response(
                504, f"The request was not done within {REQUEST_TIMEOUT:g} s. It may be done later."
            )
        except Exception:
            log.exception("rest_request_failed", method=scope["method"], path=scope["path"])
            answer = error_response(500, "Internal error; the coordinator's log has its traceback.")
        else:
            return
        if not started:
            await answer(scope, receive, send)
