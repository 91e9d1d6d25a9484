"""A task of change data capture, polled into a ledger."""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

from tests.integration.connectors.change_ledger import ChangeLedger
from tests.integration.connectors.source_harness import SourceHarness

DEADLINE = 60.0


class LedgerCapture(ABC):
    """A connector that captures a database, with a table ``mark`` among others, into a ledger.

    Args:
        harness: runs the connector's task.
        schema: what its topics of tables are named after, such as ``p.public``.
    """

    def __init__(self, harness: SourceHarness, schema: str) -> None:
        self.ledger = ChangeLedger()
        self.harness = harness
        self._schema = schema
        self._taken = 0

    @abstractmethod
    def mark(self, text: str) -> None:
        """Inserts a row into ``mark``."""

    def topic(self, table: str = "t") -> str:
        """The topic of a table."""
        return f"{self._schema}.{table}"

    def configure(self, **more: str) -> Self:
        """Other keys, dots written as underscores, dashes as two."""
        self.harness.config |= {name.replace("__", "-").replace("_", "."): value for name, value in more.items()}
        return self

    def start(self) -> Self:
        """Starts the task."""
        self.harness.start()
        return self

    def poll(self, *, commit: bool = True) -> int:
        """One poll; what is committed goes to the ledger."""
        found = self.harness.poll(commit=commit)
        fresh = self.harness.committed[self._taken :]
        self._taken = len(self.harness.committed)
        self.ledger.take(one.batch for one in fresh if one.batch.topic.startswith(f"{self._schema}."))
        return found

    def until(self, done: Callable[[], Any]) -> None:
        """Polls until something holds."""
        end = time.monotonic() + DEADLINE
        while not done():
            assert time.monotonic() < end, f"never happened; told were {self.ledger.events[-20:]}"
            self.poll()

    def catch_up(self) -> None:
        """Polls until a change made now has come, and so all before it."""
        mark = uuid.uuid4().hex
        self.mark(mark)
        self.until(lambda: (mark,) in self.ledger.rows(self.topic("mark")))

    def crash(self) -> None:
        """The task is gone, and whatever it had not committed."""
        self.harness.crash()
