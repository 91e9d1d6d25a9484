"""The fork server: has imported everything once; task processes and plugin calls are forked from it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import types
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

from tidegate.errors import FatalError
from tidegate_worker.task.launch import FENCED_EXIT

_PRELOADED = ("tidegate_worker.shared_pages",)
_PR_SET_PDEATHSIG = 1

_lock = asyncio.Lock()


def fork_server() -> ForkServerContext:
    """The context processes are forked from: its server only imports, so forking it is safe, and pages are shared."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    return context


async def warm_up(context: ForkServerContext) -> None:
    """Returns when the server has imported everything: what it forks from then on is at work at once.

    Raises:
        FatalError: it dies of an import.
    """
    probe = context.Process(target=_nothing, daemon=True)
    try:
        await start(probe)
    except OSError as error:
        raise FatalError(
            f"the fork server does not start: {error}.", remedy="See its traceback above; a plugin may be the cause."
        ) from error
    await asyncio.to_thread(probe.join)
    probe.close()


async def start(process: BaseProcess) -> None:
    """Forks a process; also starts the server anew if it has died.

    Args:
        process: made by :func:`fork_server`'s context, not yet started.

    Raises:
        OSError: the server could not be reached.
    """
    async with _lock:
        await asyncio.to_thread(_start, process)


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


def _start(process: BaseProcess) -> None:
    try:
        with _without_main_module():
            process.start()
    except EOFError:
        raise ConnectionResetError("the fork server died") from None


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
