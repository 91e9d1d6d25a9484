"""Runs plugin code, and what waits on Kafka, in a process of its own with a deadline.

The agent itself imports no connector, no Arrow and no Kafka client: it stays small, and nothing of theirs can stop it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, cast

from tidegate.control import ConnectorType
from tidegate.errors import ConfigError, ConfigProblem, FatalError, NotFoundError, RetriableError, TidegateError
from tidegate.telemetry.logging import get_logger
from tidegate_worker.fork_server import ForkServer, die_with_parent, watch
from tidegate_worker.plugin_answers import InstalledPlugins, OffsetEntry, Validated, WorkerFacts

log = get_logger(__name__)

_FUNCTIONS = "tidegate_worker.plugin_calls"
_PLUGIN_DEADLINE = 30.0
_OFFSETS_DEADLINE = 90.0
_ENDING_DEADLINE = 5.0


class PluginProcess:
    """The functions of :mod:`tidegate_worker.plugin_calls`, each call in a fresh process.

    Every method raises what the function raises (a TidegateError), and RetriableError when it takes too long or its
    process dies.

    Args:
        forks: starts the processes.
        facts: what the functions need to know of the worker.
    """

    def __init__(self, forks: ForkServer, facts: WorkerFacts) -> None:
        self._forks = forks
        self._facts = facts

    async def list_plugins(self) -> InstalledPlugins:
        """The connectors installed here."""
        return cast(InstalledPlugins, await self._call(_PLUGIN_DEADLINE, "list_plugins"))

    async def validate(self, name: str, config: Mapping[str, str], *, definitions_only: bool) -> Validated:
        """Checks a configuration."""
        arguments = (self._facts, name, dict(config), definitions_only)
        plugin = _plugin(config) or name
        return cast(Validated, await self._call(_PLUGIN_DEADLINE, "validate", *arguments, plugin=plugin))

    async def split(self, config: Mapping[str, str]) -> tuple[ConnectorType, list[dict[str, str]]]:
        """Splits a connector into task configurations."""
        arguments = (self._facts, dict(config))
        answer = await self._call(_PLUGIN_DEADLINE, "split", *arguments, plugin=_plugin(config))
        return cast(tuple[ConnectorType, list[dict[str, str]]], answer)

    async def preview(self, config: Mapping[str, str], limit: int) -> list[str]:
        """The first records of a source, as JSON objects."""
        arguments = (self._facts, dict(config), limit)
        return cast(list[str], await self._call(_PLUGIN_DEADLINE, "preview", *arguments, plugin=_plugin(config)))

    async def get_offsets(self, config: Mapping[str, str]) -> list[OffsetEntry]:
        """A connector's committed offsets."""
        arguments = (self._facts, dict(config))
        answer = await self._call(_OFFSETS_DEADLINE, "get_offsets", *arguments, plugin=_plugin(config))
        return cast(list[OffsetEntry], answer)

    async def set_offsets(self, config: Mapping[str, str], tasks: int, entries: Sequence[OffsetEntry] | None) -> str:
        """Writes offsets of a connector that does not run; None deletes all."""
        arguments = (self._facts, dict(config), tasks, entries)
        return cast(str, await self._call(_OFFSETS_DEADLINE, "set_offsets", *arguments, plugin=_plugin(config)))

    async def fence_tasks(self, connector: str, tasks: int) -> None:
        """Fences whatever may still run of a connector's tasks."""
        await self._call(_OFFSETS_DEADLINE, "fence_tasks", self._facts, connector, tasks)

    async def _call(self, deadline: float, function: str, *arguments: Any, plugin: str = "") -> Any:
        ours, theirs = self._forks.context.Pipe(duplex=False)
        process = self._forks.context.Process(target=_serve, args=(theirs, function, arguments), daemon=True)
        try:
            await self._forks.start(process, plugin)
        except OSError as error:
            ours.close()
            raise RetriableError(f"no process for {function} could be started: {error}.") from None
        finally:
            theirs.close()
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[None] = loop.create_future()
        watch(ours.fileno(), _settle, answered)
        reading: asyncio.Future[Any] | None = None
        try:
            async with asyncio.timeout(deadline):
                await answered
                loop.remove_reader(ours.fileno())
                reading = asyncio.ensure_future(asyncio.to_thread(ours.recv))
                await asyncio.wait({reading})
            try:
                kind, value = reading.result()
            except (EOFError, OSError) as error:
                await asyncio.to_thread(process.join, _ENDING_DEADLINE)
                log.warning("plugin_process_died", function=function, exit_status=process.exitcode, reason=repr(error))
                raise RetriableError(
                    f"the process that ran {function} of the plugin died with exit status {process.exitcode}.",
                    remedy="See the worker's log.",
                ) from None
        except TimeoutError:
            raise RetriableError(
                f"{function} of the plugin took longer than {deadline:g} s.",
                remedy="Check that the systems its configuration names can be reached.",
            ) from None
        finally:
            loop.remove_reader(ours.fileno())
            process.kill()
            await asyncio.to_thread(process.join)
            if reading is not None:
                await asyncio.gather(reading, return_exceptions=True)
            process.close()
            ours.close()
        if kind == "result":
            return value
        raise _restored(kind, value)


def _plugin(config: Mapping[str, str]) -> str:
    """The plugin that a configuration names; empty for none."""
    return config.get("connector.class", "")


def _settle(answered: asyncio.Future[None]) -> None:
    if not answered.done():
        answered.set_result(None)


def _serve(channel: Connection, function: str, arguments: tuple[Any, ...]) -> None:
    die_with_parent()
    try:
        answer = ("result", getattr(importlib.import_module(_FUNCTIONS), function)(*arguments))
    except ConfigError as error:
        answer = ("ConfigError", [(problem.key, problem.message) for problem in error.problems])
    except TidegateError as error:
        kinds = (NotFoundError, RetriableError)
        kind = next((each.__name__ for each in kinds if isinstance(error, each)), "FatalError")
        answer = (kind, (error.message, error.remedy))
    except Exception as error:
        answer = ("FatalError", (f"the plugin failed: {type(error).__name__}: {error}", ""))
    channel.send(answer)


def _restored(kind: str, value: Any) -> TidegateError:
    if kind == "ConfigError":
        return ConfigError([ConfigProblem(key, message) for key, message in value])
    kinds: dict[str, type[TidegateError]] = {"NotFoundError": NotFoundError, "RetriableError": RetriableError}
    message, remedy = value
    return kinds.get(kind, FatalError)(message, remedy=remedy)
