"""What a system under test is: servers with Kafka Connect's REST API."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from benchmarks.systems.connectors import Connectors


class System(Protocol):
    """Started by entering, stopped by leaving."""

    @property
    def name(self) -> str:
        """As shown in tables."""

    @property
    def connectors(self) -> Connectors:
        """Its REST API."""

    def roots(self) -> list[int]:
        """The pids all its processes descend from."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
