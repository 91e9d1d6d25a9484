"""A coordinator replica in this process, and one in a process of its own that can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import httpx
from tidegate_coordinator.service import serve

from tests.support.eventually import aeventually
from tidegate.config.ready_file import read_ready_file
from tidegate.config.secrets import make_key
from tidegate.config.settings import CoordinatorSettings, EtcdSettings

SECRET_KEY = make_key()

_PROGRAM = """
import asyncio, sys
from tidegate.config.settings import CoordinatorSettings
from tidegate_coordinator.service import serve

asyncio.run(serve(CoordinatorSettings.model_validate_json(sys.argv[1]), asyncio.Event()))
"""


def settings_of(endpoint: str, cluster: str, replica_id: str, directory: Path, **more: Any) -> dict[str, Any]:
    return {
        "cluster": cluster,
        "etcd": {"endpoints": [endpoint]},
        "replica_id": replica_id,
        "rest_listen": "127.0.0.1:0",
        "grpc_listen": "127.0.0.1:0",
        "leader_ttl": 2.0,
        "secret_key": SECRET_KEY,
        "ready_file": str(directory / f"{replica_id}.json"),
        **more,
    }


class Replica:
    """A replica that serves; ``rest`` is a client of it."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self.grpc = addresses["grpc"]
        self.rest = httpx.AsyncClient(base_url=f"http://{addresses['rest']}", timeout=60)

    async def leader(self) -> str:
        """Who leads, as this replica sees it."""
        view: dict[str, str] = (await self.rest.get("/cluster")).json()
        return view["leader_id"]


@contextlib.asynccontextmanager
async def running_replica(
    endpoint: str, cluster: str, replica_id: str, directory: Path, **more: Any
) -> AsyncIterator[Replica]:
    """A replica in this process."""
    stop = asyncio.Event()
    values = settings_of(endpoint, cluster, replica_id, directory, **more)
    values["etcd"] = EtcdSettings(**values["etcd"])
    service = asyncio.create_task(serve(CoordinatorSettings(**values), stop))
    try:
        replica = Replica(await _addresses(directory / f"{replica_id}.json", service))
        async with replica.rest:
            yield replica
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await service


class ReplicaProcess:
    """A replica in a process of its own."""

    def __init__(self, endpoint: str, cluster: str, replica_id: str, directory: Path) -> None:
        import orjson

        self._ready = directory / f"{replica_id}.json"
        self._settings = orjson.dumps(settings_of(endpoint, cluster, replica_id, directory)).decode()
        self._process: asyncio.subprocess.Process | None = None
        self.replica: Replica | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(sys.executable, "-c", _PROGRAM, self._settings)
        self.replica = Replica(await _addresses(self._ready, None))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.replica is not None
        await self.replica.rest.aclose()
        await self.kill()

    def pause(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    async def kill(self) -> None:
        """With -9: nothing is revoked."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def _addresses(ready: Path, service: asyncio.Task[None] | None) -> dict[str, str]:
    async def written() -> dict[str, str] | None:
        if service is not None and service.done():
            service.result()
        return read_ready_file(ready)

    found = await aeventually(written, timeout=30, message="a replica serves")
    assert found is not None
    return found
