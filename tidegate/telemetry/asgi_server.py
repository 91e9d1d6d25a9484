"""An HTTP server for an ASGI application, inside a service's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from tidegate.config.listen_address import Address
from tidegate.errors import ConfigError, ConfigProblem

_START_TIMEOUT = 10.0


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.ready.set()


class AsgiServer:
    """An ASGI application served by uvicorn inside a running event loop.

    Signals stay with the caller. Use as an async context manager, or call :meth:`start` and :meth:`stop`.

    Args:
        app: the application.
        listen: ``host:port``; port 0 takes any free one.
        setting: name of the setting ``listen`` comes from, for the error when it can not be bound.
        shutdown_grace: seconds that requests under way have at the stop.
    """

    def __init__(self, app: ASGIApp, listen: str, *, setting: str, shutdown_grace: int = 5) -> None:
        self._listen = Address.parse(listen)
        self._setting = setting
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=shutdown_grace,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None
        self._socket: socket.socket | None = None
        self.address = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Bind and serve; ``address`` then holds ``host:port``.

        Raises:
            ConfigError: the address can not be bound.
        """
        self._socket = self._bind()
        self.address = str(Address(self._listen.host, self._socket.getsockname()[1]))
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name=f"http {self.address}")
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait([ready, self._task], timeout=_START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if not self._server.ready.is_set():
            self._server.should_exit = True
            await self._task
            raise RuntimeError(f"the HTTP server on {self.address} ended at its start")

    async def stop(self) -> None:
        """Finish the requests under way, within the grace, and close."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.wait([self._task])
            self._task = None
        if self._socket is not None:
            self._socket.close()

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._listen.host else socket.AF_INET
        # asyncio turns Nagle's algorithm off only where the protocol is spelled out; with it, each answer, written in
        # two parts, waits 40 ms for the peer's delayed acknowledgement.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((self._listen.host, self._listen.port))
        except OSError as error:
            bound.close()
            problem = f"{self._listen} can not be bound: {error.strerror or error}. Choose a free port, or 0 for any."
            raise ConfigError([ConfigProblem(self._setting, problem)]) from None
        return bound
