"""A JDBC sink task in a process of its own that kills itself before a chosen step.

As a program it takes orders as JSON lines, runs each in a fork, and answers with the exit status.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from tests.integration.connectors.sink_harness import SinkHarness, consumed, records
from tidegate.connectors.jdbc_sink import JdbcSinkConnector
from tidegate.connectors.jdbc_sink.session import Session
from tidegate.records.envelope import SinkOffset, TopicPartition

RECORDS = 8
REFUSED = (2, 6)
"""Records the table's check does not let in."""
UNDECODABLE = (0, 3, 7)
"""Records the worker halts by itself, which never come to the task."""
SPAN = 4
NAME = "ledger"


def run(config: Mapping[str, str], topic: str, kafka: Path, die_at: int) -> None:
    """Puts all records, with a commit after each few, and ends by itself, or by SIGKILL before step ``die_at``.

    Args:
        config: the connector's configuration.
        topic: the topic.
        kafka: what the broker keeps over the death: the group's offset and the dead letters.
        die_at: number of the step, from 1; 0 for none.
    """
    steps = _Steps(die_at)
    for method in ("run", "run_many", "rows"):
        setattr(Session, method, steps.before(getattr(Session, method)))
    where = TopicPartition(topic, 0)
    state = json.loads(kafka.read_text()) if kafka.exists() else {"offset": None, "letters": []}
    harness = SinkHarness(JdbcSinkConnector(), config, name=f"{NAME}-{topic}", tolerant=True)
    if state["offset"] is not None:
        harness.offsets[where] = SinkOffset(state["offset"])
    # The one that ends by itself is the successor of the one that dies.
    sink = harness.start(where, epoch=1 if die_at else 2)
    position = sink.overrides.get(where, state["offset"] or 0)
    letters: list[int] = []
    while position < RECORDS:
        offsets = range(position, min(position + SPAN, RECORDS))
        letters += [offset for offset in offsets if offset in UNDECODABLE]
        sound = [offset for offset in offsets if offset not in UNDECODABLE]
        if sound:
            rows = [{"id": offset, "n": -1 if offset in REFUSED else offset} for offset in sound]
            fields = [pa.field("id", pa.int64(), nullable=False), pa.field("n", pa.int64())]
            sink.task.put(consumed(topic, records(rows, *fields), offsets=sound))
        position = offsets[-1] + 1
        halted = [offset for _, offset, _ in sink.context.halted]
        ready = sink.task.pre_commit({where: position})
        steps.take()
        committed = ready[where].offset
        if committed > (state["offset"] or -1):
            new = sorted({offset for offset in letters + halted if (state["offset"] or 0) <= offset < committed})
            state = {"offset": committed, "letters": state["letters"] + new}
            _replace(kafka, json.dumps(state))
            steps.take()
            sink.task.committed({where: SinkOffset(committed)})
    sink.task.stop()


class Mortals:
    """Runs :func:`run` in forks of one process that has everything imported and nothing open."""

    def __init__(self, config: Mapping[str, str], orders: IO[str], answers: IO[str]) -> None:
        self._config = dict(config)
        self._orders = orders
        self._answers = answers

    def run(self, topic: str, kafka: Path, die_at: int) -> int:
        """See :func:`run`; gives the exit status, negative for a signal."""
        print(json.dumps([self._config, topic, str(kafka), die_at]), file=self._orders, flush=True)
        return int(self._answers.readline())


@contextmanager
def mortals(config: Mapping[str, str]) -> Iterator[Mortals]:
    """Starts and ends the process."""
    command = [sys.executable, "-m", "tests.integration.connectors.jdbc_sink_death"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        yield Mortals(config, process.stdin, process.stdout)
        process.stdin.close()
        process.wait(30)


def _main() -> None:
    # Arrow imports pandas when it is first given values: better once here than in each fork.
    records([{"id": 0}], pa.field("id", pa.int64()))
    for line in sys.stdin:
        config, topic, kafka, die_at = json.loads(line)
        child = os.fork()
        if child == 0:
            sys.stdout = sys.stderr
            code = 1
            try:
                run(config, topic, Path(kafka), die_at)
                code = 0
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


class _Steps:
    def __init__(self, die_at: int) -> None:
        self._left = die_at

    def take(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, method: Any) -> Any:
        def stepped(*args: Any, **kwargs: Any) -> Any:
            self.take()
            return method(*args, **kwargs)

        return stepped


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


if __name__ == "__main__":
    _main()
