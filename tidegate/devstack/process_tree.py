"""The processes that belong to an owned one, and their end."""

from __future__ import annotations

import contextlib
import os
import time

import psutil

from tidegate.devstack.pid_file import ProcessIdentity

_KILL_ROUNDS = 5
_ROUND_SECONDS = 3.0


def members(leader: ProcessIdentity) -> list[psutil.Process]:
    """The session leader itself, its descendants, and orphans of its session, as far as they live.

    A descendant that left the session is found only while its ancestors live. While a session has members, the
    kernel gives its id to no new process, so the orphans found are the leader's.
    """
    found: dict[int, psutil.Process] = {}
    main = leader.find()
    if main is not None:
        found[main.pid] = main
        with contextlib.suppress(psutil.NoSuchProcess):
            found.update((child.pid, child) for child in main.children(recursive=True))
    if not leader.pid_belongs_to_another():
        for pid in psutil.pids():
            with contextlib.suppress(OSError, psutil.NoSuchProcess):
                if pid not in found and os.getsid(pid) == leader.pid:
                    found[pid] = psutil.Process(pid)
    return [process for process in found.values() if _lives(process)]


def kill_tree(leader: ProcessIdentity) -> int:
    """SIGKILL the leader and all that belongs to it; returns how many processes were killed.

    Repeats while members appear, so that a child forked between listing and killing goes too.
    """
    killed: set[int] = set()
    for _ in range(_KILL_ROUNDS):
        victims = members(leader)
        if not victims:
            break
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
                killed.add(victim.pid)
        await_end(victims, _ROUND_SECONDS)
    return len(killed)


def await_end(processes: list[psutil.Process], timeout: float) -> bool:
    """Wait until none of ``processes`` runs, for at most ``timeout`` seconds; returns whether that was reached.

    A zombie counts as ended: only its parent, which may not be us, can remove it.
    """
    deadline = time.monotonic() + timeout
    while any(_lives(process) for process in processes):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        if not process.is_running():
            return False
        # A killed leader is a zombie at once, yet its ports and file locks stay until its last thread has ended.
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False
