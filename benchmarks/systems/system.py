"""What a system under test is: most are servers with Kafka Connect's REST API."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol, Self

from benchmarks.systems.connectors import Config


class Jobs(Protocol):
    """What moves rows: connectors, or what stands in for them."""

    def create(self, name: str, config: Config) -> None:
        """Begin one."""

    def delete(self, name: str) -> None:
        """End one and wait until it is gone."""

    def tasks(self, name: str) -> list[dict[str, Any]]:
        """Its tasks.

        Raises:
            BenchmarkError: one has failed.
        """


class System(Protocol):
    """Started by entering, stopped by leaving."""

    @property
    def name(self) -> str:
        """As shown in tables."""

    @property
    def connectors(self) -> Jobs:
        """What moves its rows."""

    def roots(self) -> list[int]:
        """The pids all its processes descend from."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
