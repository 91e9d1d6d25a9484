"""``tidegate coordinator | worker | registry``: run one service until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from tidegate.cli.settings_flags import with_settings_flags
from tidegate.config.load import load_settings
from tidegate.config.settings import CoordinatorSettings, RegistrySettings, ServiceSettings, WorkerSettings
from tidegate.errors import FatalError
from tidegate.telemetry import logging, tracing

Serve = Callable[[ServiceSettings, asyncio.Event], Awaitable[None]]

SERVICES: dict[str, tuple[type[ServiceSettings], str]] = {
    "coordinator": (CoordinatorSettings, "Run a coordinator: the control plane's REST and gRPC APIs."),
    "worker": (WorkerSettings, "Run a worker: connectors' tasks, each in a process of its own."),
    "registry": (RegistrySettings, "Run a schema registry replica."),
}

_ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="YAML file of settings; flags and TIDEGATE_* variables win over it."),
]


def add_service_commands(app: typer.Typer) -> None:
    """Adds one command a service to ``app``."""
    for name, (kind, summary) in SERVICES.items():
        app.command(name, help=summary, rich_help_panel="Services")(with_settings_flags(kind, _command(name, kind)))


def _command(name: str, kind: type[ServiceSettings]) -> Callable[..., None]:
    def command(flags: dict[str, Any], config: _ConfigFile = None) -> None:
        settings = load_settings(kind, flags, config)
        logging.configure(settings.log_level, settings.log_format, service=name, **_identity(settings))
        tracing.configure(settings.otlp_endpoint, name, next(iter(_identity(settings).values()), ""))
        try:
            uvloop.run(_until_told(_find(name), settings))
        finally:
            tracing.shutdown()

    return command


def _identity(settings: ServiceSettings) -> dict[str, str]:
    return {field: getattr(settings, field) for field in ("replica_id", "worker_id") if hasattr(settings, field)}


def _find(name: str) -> Serve:
    for entry_point in entry_points(group="tidegate.services", name=name):
        serve: Serve = entry_point.load()
        return serve
    raise FatalError(
        f"this installation has no service named {name}.", remedy="Install the distribution tidegate anew."
    )


async def _until_told(serve: Serve, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT; the second signal no longer waits for an end in good order."""
    stop = asyncio.Event()
    serving = asyncio.ensure_future(serve(settings, stop))

    def on_signal() -> None:
        if stop.is_set():
            serving.cancel()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        await serving
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
        raise SystemExit(1) from None
