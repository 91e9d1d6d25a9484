"""Killing processes with -9 in mid-flow, and measuring how long until others have taken over."""

from __future__ import annotations

import time
from collections.abc import Callable

from tidegate.demo.errors import DemoFailedError
from tidegate.demo.figures import Takeover
from tidegate.demo.stage import Stage
from tidegate.demo.waiting import wait_until
from tidegate.devstack.service_process import ServiceProcess

_TIMEOUT = 120.0


def kill_worker(stage: Stage, connector: str, role: str, moved: Callable[[], int], total: int) -> Takeover:
    """Kill -9 the worker that runs task 0 of a connector, wait for the takeover, and start the worker anew.

    Args:
        stage: the running demo.
        connector: its name.
        role: ``source`` or ``sink``.
        moved: how many rows it has moved so far; grows again when records flow.
        total: how many there are to move.

    Raises:
        DemoFailedError: nobody took over in time.
    """
    victim = _service(stage, stage.connectors.wait_running(connector, timeout=_TIMEOUT))
    before = moved()
    victim.kill9()
    killed = time.monotonic()
    after = max(before, moved())
    stage.view.say(f"   kill -9 {victim.name} (runs {connector}) at {after:,} of {total:,} rows")
    successor = stage.connectors.wait_running(connector, instead_of=victim.name, timeout=_TIMEOUT)
    seconds = time.monotonic() - killed
    flowing: float | None = None
    if after < total:
        wait_until(lambda: moved() > after, f"records of {connector} to flow again", timeout=_TIMEOUT, interval=0.05)
        flowing = time.monotonic() - killed
    takeover = Takeover(victim.name, role, successor, seconds, flowing, after, total)
    again = "" if flowing is None else f", rows flow again after [bold]{flowing:.1f} s[/]"
    stage.view.say(f"   {successor} took over after [bold]{seconds:.1f} s[/]{again}")
    victim.start()
    return takeover


def kill_leader(stage: Stage) -> Takeover:
    """Kill -9 the leading coordinator, wait for the other to lead, and start it anew.

    Raises:
        DemoFailedError: nobody took over in time.
    """
    name = wait_until(stage.cluster.leader, "a leading coordinator", timeout=_TIMEOUT)
    victim = _service(stage, name)
    victim.kill9()
    killed = time.monotonic()
    stage.view.say(f"   kill -9 {victim.name} (leads the cluster)")

    def other_leader() -> str | None:
        found = stage.cluster.leader()
        return found if found != name else None

    successor = wait_until(other_leader, "a new leading coordinator", timeout=_TIMEOUT, interval=0.05)
    seconds = time.monotonic() - killed
    stage.view.say(f"   {successor} leads after [bold]{seconds:.1f} s[/]")
    victim.start()
    return Takeover(victim.name, "leader", successor, seconds, None, 0, 0)


def _service(stage: Stage, name: str) -> ServiceProcess:
    try:
        return stage.cluster.services[name]
    except KeyError:
        raise DemoFailedError(f"the cluster knows no process {name}.") from None
