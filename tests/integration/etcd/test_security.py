"""TLS, users and permissions on a real etcd."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tidegate.devstack.etcd import Etcd
from tidegate.errors import ConfigError
from tidegate.etcd import Changes, EtcdClient, EtcdConfig, EtcdUnauthenticatedError, EtcdUnavailableError, LeaseKeeper


class TlsEtcd(Etcd):
    """etcd with a certificate it makes for itself at start."""

    @property
    def url(self) -> str:
        return f"https://{self.endpoint}"

    @property
    def certificate(self) -> Path:
        return self.directory / "data" / "fixtures" / "client" / "cert.pem"

    def _command(self) -> Sequence[str]:
        return [*super()._command(), "--auto-tls"]

    def _probe(self) -> None:
        with httpx.Client(verify=False, trust_env=False) as http:
            http.post(f"{self.url}/v3/kv/range", json={"key": "AA=="}, timeout=2.0).raise_for_status()


class UsersEtcd(Etcd):
    """etcd whose readiness can be asked without a user."""

    def _probe(self) -> None:
        httpx.get(f"{self.url}/health", timeout=2.0, trust_env=False).raise_for_status()


@pytest.fixture
def member(tmp_path: Path) -> Iterator[UsersEtcd]:
    with UsersEtcd(tmp_path) as server:
        yield server


@pytest.fixture
def tls_member(tmp_path: Path) -> Iterator[TlsEtcd]:
    with TlsEtcd(tmp_path) as server:
        yield server


async def test_tls_with_the_servers_authority(tls_member: TlsEtcd) -> None:
    config = EtcdConfig((tls_member.url,), ca_file=str(tls_member.certificate))
    async with EtcdClient(config) as client:
        await client.put("/k", b"v")
        kv = await client.get("/k")
        assert kv is not None and kv.value == b"v"


async def test_a_server_of_unknown_authority_is_not_spoken_to(tls_member: TlsEtcd) -> None:
    async with EtcdClient(EtcdConfig((tls_member.url,), request_timeout=1.0)) as client:
        with pytest.raises(EtcdUnavailableError):
            await client.put("/k", b"v")


async def test_an_unreadable_certificate_is_named() -> None:
    async with EtcdClient(EtcdConfig(("https://localhost:1",), ca_file="/no/such.pem")) as client:
        with pytest.raises(ConfigError, match=r"ca_file: /no/such\.pem cannot be read"):
            await client.get("/k")


async def enable_users(member: Etcd) -> None:
    """Users root and tidegate (reads and writes under /t/), both with the password "secret"."""

    def text(value: str) -> str:
        return base64.b64encode(value.encode()).decode()

    permission = {"permType": "READWRITE", "key": text("/t/"), "range_end": text("/t0")}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("user/add", {"name": "root", "password": "secret"}),
        ("role/add", {"name": "root"}),
        ("user/grant", {"user": "root", "role": "root"}),
        ("user/add", {"name": "tidegate", "password": "secret"}),
        ("role/add", {"name": "tidegate"}),
        ("role/grant", {"name": "tidegate", "perm": permission}),
        ("user/grant", {"user": "tidegate", "role": "tidegate"}),
        ("enable", {}),
    ]
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        for path, body in calls:
            (await http.post(f"{member.url}/v3/auth/{path}", json=body)).raise_for_status()


async def test_a_user_works_within_its_permissions_and_logs_in_again_after_a_restart(member: Etcd) -> None:
    await enable_users(member)
    config = EtcdConfig((member.endpoint,), username="tidegate", password="secret")
    async with EtcdClient(config) as client, LeaseKeeper(client, 20.0) as keeper, client.watch("/t/") as watch:
        await anext(watch)
        await client.put("/t/k", b"v", lease=keeper.lease_id)
        assert isinstance(await anext(watch), Changes)
        with pytest.raises(EtcdUnauthenticatedError, match="permission denied"):
            await client.put("/elsewhere", b"v")
        with pytest.raises(EtcdUnauthenticatedError):
            await anext(client.watch("/elsewhere"))
        # The server keeps tokens in memory: after a restart the one in hand is worth nothing.
        await asyncio.to_thread(member.restart)
        await client.put("/t/k", b"w", lease=keeper.lease_id)
        async with asyncio.timeout(30):
            assert isinstance(await anext(watch), Changes)


async def test_a_wrong_password_is_an_error_that_does_not_show_it(member: Etcd) -> None:
    await enable_users(member)
    config = EtcdConfig((member.endpoint,), username="tidegate", password="hunter2")
    async with EtcdClient(config) as client:
        with pytest.raises(EtcdUnauthenticatedError, match="log in user 'tidegate'") as caught:
            await client.get("/t/k")
    assert "hunter2" not in str(caught.value) + repr(config)
    async with EtcdClient(EtcdConfig((member.endpoint,))) as anonymous:
        with pytest.raises(EtcdUnauthenticatedError):
            await anonymous.get("/t/k")


async def test_a_user_is_no_obstacle_where_etcd_has_no_users(member: Etcd) -> None:
    config = EtcdConfig((member.endpoint,), username="tidegate", password="secret")
    async with EtcdClient(config) as client:
        await client.put("/k", b"v")
