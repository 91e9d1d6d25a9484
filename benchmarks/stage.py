"""What every system under test stands on: one Apache Kafka, and the servers that a case needs."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.measure.cpu import Roots
from tidegate.devstack import EmbeddedStack
from tidegate.devstack.stack import ComponentKind

BUCKET = "lake"
TABLE_BUCKET = "iceberg"
DATABASE = "bench"


class Stage:
    """Servers that are counted apart from the systems under test, in a directory of their own that goes with them.

    Args:
        needs: components beside Apache Kafka and etcd.
    """

    def __init__(self, needs: Collection[ComponentKind] = ()) -> None:
        self.state_dir = Path(tempfile.mkdtemp(prefix="tidegate-bench-"))
        # PostgreSQL started by root runs as another user, who has to reach its data.
        self.state_dir.chmod(0o755)
        kinds: list[ComponentKind] = ["etcd", "apache-kafka", *needs]
        self._needs = frozenset(kinds)
        tables = TABLE_BUCKET if "seaweedfs" in needs else None
        self.stack = EmbeddedStack(self.state_dir, components=kinds, buckets=[BUCKET], table_bucket=tables)

    def __enter__(self) -> Self:
        try:
            self.stack.start()
            if "postgres" in self._needs:
                self.stack.postgres.create_database(DATABASE)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def bootstrap_servers(self) -> str:
        """For Kafka clients."""
        return self.stack.bootstrap_servers

    @property
    def database_url(self) -> str:
        """libpq URL of the database."""
        return self.stack.postgres.url(DATABASE)

    def groups(self) -> dict[str, Roots]:
        """The servers' processes by name."""
        return {part.name: _root(part.process.pid) for part in self.stack.components}

    def worker_env(self) -> dict[str, str]:
        """What connector configurations may name as ``${env:...}``."""
        env: dict[str, str] = {}
        if "postgres" in self._needs:
            postgres = self.stack.postgres
            env |= {
                "DATABASE_URL": f"jdbc:postgresql://{postgres.host}:{postgres.port('postgres')}/{DATABASE}",
                "DATABASE_USER": postgres.user,
                "DATABASE_PASSWORD": postgres.password,
            }
        if "seaweedfs" in self._needs:
            s3 = self.stack.seaweedfs
            env |= {
                "LAKE_ENDPOINT": s3.endpoint_url,
                "LAKE_BUCKET": BUCKET,
                "LAKE_ACCESS_KEY_ID": s3.access_key,
                "LAKE_SECRET_ACCESS_KEY": s3.secret_key,
            }
        return env

    def _end(self) -> None:
        try:
            self.stack.stop()
        finally:
            if "TIDEGATE_BENCH_KEEP" not in os.environ:
                shutil.rmtree(self.state_dir, ignore_errors=True)


def _root(pid: int) -> Roots:
    return lambda: [pid]
