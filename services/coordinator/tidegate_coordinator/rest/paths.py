"""Paths whose segments may hold an encoded slash, with or without a trailing one."""

from __future__ import annotations

from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from tidegate.errors import ConfigError, ConfigProblem, NotFoundError


class EncodedPath:
    """Routes by the path as sent, percent-encoding and all, so that ``%2F`` in a name stays part of the name.

    Args:
        app: the router; its handlers decode their parameters with :func:`name_in`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by the server for each request."""
        if scope["type"] == "http":
            sent = scope.get("raw_path") or quote(scope["path"]).encode()
            path = sent.decode("ascii", errors="replace")
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await self._app(scope, receive, send)


def name_in(request: Request, parameter: str = "name") -> str:
    """A parameter of the path, decoded.

    Raises:
        ConfigError: it is not UTF-8.
    """
    try:
        return unquote(request.path_params[parameter], errors="strict")
    except UnicodeDecodeError:
        raise ConfigError([ConfigProblem(parameter, "is not percent-encoded UTF-8. Encode it so.")]) from None


def task_in(request: Request) -> int:
    """The task number of the path.

    Raises:
        NotFoundError: it is no number that a task could have.
    """
    text = request.path_params["task"]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFoundError(f"task {text!r} not found.", remedy="Task numbers are 0, 1, 2 and so on.")
    return int(text)


def flag_in(request: Request, parameter: str, default: bool = False) -> bool:
    """A boolean query parameter.

    Raises:
        ConfigError: it is neither true nor false.
    """
    text = request.query_params.get(parameter, "").lower()
    if text not in ("", "true", "false"):
        raise ConfigError([ConfigProblem(parameter, f"{text!r} is neither true nor false. Use one of them.")])
    return default if not text else text == "true"
