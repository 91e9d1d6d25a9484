"""The fork server: has imported what they need once; task processes and plugin calls are forked from it.

What every process needs it imports when it starts, a plugin when the first process of that plugin is started.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import forkserver, util
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tidegate.control import PluginInfo
from tidegate.errors import FatalError
from tidegate_worker.task.launch import FENCED_EXIT

WANTED_PLUGINS = "TIDEGATE_WORKER_WANTED_PLUGINS"
"""Environment variable: the file that names the plugins which the server is to have imported, one a line."""

# Of glibc, which Arrow is to use too. By itself it has an arena for each of a task's two dozen threads, and takes large
# blocks from them too once it has seen one given back: the holes they leave were half of a task's heap. Blocks of this
# size are now returned to the system at once. The C libraries of other systems do not know these variables.
_ALLOCATOR = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(512 * 1024),
}
_PRELOADED = ("tidegate_worker.shared_pages",)
_PR_SET_PDEATHSIG = 1


class ForkServer:
    """Starts processes; its server only imports, so forking it is safe, and they share the pages of what it has."""

    def __init__(self) -> None:
        self.context: ForkServerContext = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(list(_PRELOADED))
        self._wanted = Path(util.get_temp_dir()) / "wanted-plugins"
        # The server inherits these; what the operator has set stands.
        os.environ[WANTED_PLUGINS] = str(self._wanted)
        for name, value in _ALLOCATOR.items():
            os.environ.setdefault(name, value)
        self._plugins: list[PluginInfo] = []
        self._shared: set[str] = set()
        self._lock = asyncio.Lock()

    def know(self, plugins: Iterable[PluginInfo]) -> None:
        """Tells it the plugins that are installed: those alone are shared."""
        self._plugins = list(plugins)

    async def warm_up(self) -> None:
        """Returns when the server has imported what all need: what it forks from then on is at work at once.

        Raises:
            FatalError: it dies of an import.
        """
        probe = self.context.Process(target=_nothing, daemon=True)
        try:
            await self.start(probe)
        except OSError as error:
            raise FatalError(f"the fork server does not start: {error}.", remedy="See its traceback above.") from error
        await asyncio.to_thread(probe.join)
        probe.close()

    async def start(self, process: BaseProcess, connector_class: str = "") -> None:
        """Forks a process; also starts the server anew if it has died.

        Args:
            process: made by :attr:`context`, not yet started.
            connector_class: the plugin that it will import, by name or alias.

        Raises:
            OSError: the server could not be reached.
        """
        wanted = connector_class.strip()
        plugin = next((each.class_name for each in self._plugins if each.answers_to(wanted)), None)
        async with self._lock:
            await asyncio.to_thread(self._start, process, plugin)

    def _start(self, process: BaseProcess, plugin: str | None) -> None:
        if plugin is not None and plugin not in self._shared:
            with self._wanted.open("a") as wanted:
                wanted.write(f"{plugin}\n")
            self._shared.add(plugin)
        try:
            with _without_main_module():
                process.start()
        except EOFError:
            raise ConnectionResetError("the fork server died") from None


def watch(descriptor: int, on_readable: Callable[..., None], *arguments: Any) -> None:
    """Has the running loop call back while a pipe to a process has something to read; the pipe stays blocking.

    uvloop makes what it watches non-blocking: a message longer than the pipe holds would be broken off in its midst.
    """
    asyncio.get_running_loop().add_reader(descriptor, on_readable, *arguments)
    os.set_blocking(descriptor, True)


def die_with_parent() -> None:
    """On Linux, has the kernel kill this process when the fork server ends, which ends with its agent.

    It works even while a C call holds the interpreter, when no thread of ours could notice.
    """
    _leave_server()
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(FENCED_EXIT)


def _leave_server() -> None:
    """In a forked process: no longer keeps the server alive, which then ends with the worker.

    Each process inherits an end of the pipe by which the server notices that it is not needed any more. A process whose
    end is to be killed when the server ends would else keep alive what it waits for.
    """
    inherited: Any = forkserver._forkserver
    if inherited._forkserver_alive_fd is not None:
        os.close(inherited._forkserver_alive_fd)
        inherited._forkserver_alive_fd = None


def _nothing() -> None:
    return None


@contextlib.contextmanager
def _without_main_module() -> Iterator[None]:
    """Without it every process would first import the worker's main module, the whole command line, as Python does."""
    own = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = own
