"""Writes the records of a task: rows into data files, data files into the control topic; task 0 also commits."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.iceberg.catalog import open_catalog
from tidegate.connectors.iceberg.committer import Committer, CommitterThread, next_moment
from tidegate.connectors.iceberg.control_topic import ControlReader, control_topic, ensure_control_topic
from tidegate.connectors.iceberg.row_changes import RowChanges, appended, keyed
from tidegate.connectors.iceberg.table_commit import TableCommitter
from tidegate.connectors.iceberg.table_names import TableName, TableRouter
from tidegate.connectors.iceberg.table_writer import TableWriter
from tidegate.connectors.iceberg.target import MissingTableError, Target, Targets
from tidegate.errors import RecordHaltedError
from tidegate.records.envelope import Batch, SinkOffset, TopicPartition
from tidegate.sdk.config_def import Config
from tidegate.sdk.sink import SinkContext

_STOP_DEADLINE = 20.0
_COMMITTING_TASK = 0


@dataclass(frozen=True, slots=True)
class _Work:
    """Rows for one table."""

    name: TableName
    target: Target
    changes: RowChanges


class RecordWriter:
    """What a task of the Iceberg sink does; see the methods of :class:`tidegate.sdk.SinkTask`.

    ``put`` writes rows into data files, which nobody sees. ``pre_commit`` finishes them and tells of them in the
    control topic, in the transaction of the offsets. Task 0 also commits what the control topic tells, of all tasks, to
    the tables.

    Args:
        config: the sink's.
        context: the task's.

    Raises:
        RetriableError: catalog or Kafka are away.
        FatalError: they refuse us.
    """

    def __init__(self, config: Config, context: SinkContext) -> None:
        self._context = context
        self._committer: CommitterThread | None = None
        self._config = config
        self._writers: dict[TableName, TableWriter] = {}
        self._memory_limit: int = config["buffer.memory.bytes"]
        self._interval: float = config["iceberg.control.commit.interval-ms"] / 1000
        self._due = next_moment(time.time(), self._interval)
        self._operation: str | None = config["iceberg.tables.cdc-field"] or None
        self._ignore_nulls: bool = config["behavior.on.null.values"] == "ignore"
        self._dynamic: bool = config["iceberg.tables.dynamic-enabled"]
        self._topic: str = config["iceberg.control.topic"] or control_topic(context.connector)
        self._router = TableRouter(config)
        self._targets = Targets(config, open_catalog(config), self._prefix(), context.stopping)
        self._control = ensure_control_topic(
            context.kafka, context.connector, self._topic, config["iceberg.control.topic.replication.factor"]
        )
        if context.task == _COMMITTING_TASK:
            self._committer = CommitterThread(self.make_committer, self._interval)
            self._committer.start()

    def put(self, batch: Batch) -> None:
        """Takes a batch."""
        faults, work = self._examine(batch)
        if faults:
            self._halt(batch, faults)
            sound = pa.array([row for row in range(len(batch)) if row not in faults], pa.int64())
            _, work = self._examine(batch.take(sound))
        for each in work:
            self._take(each)
        # Only now is the store asked for anything: what fails there tears files, and the task starts anew.
        for each in work:
            self._writers[each.name].write_due()
        self._bound_memory()

    @property
    def memory(self) -> int:
        """Bytes held by open files and by rows that wait for theirs."""
        return sum(writer.memory for writer in self._writers.values())

    def commit_due(self) -> bool:
        """Whether the interval is over and there is something to finish.

        Raises:
            TidegateError: what ended the committer.
        """
        if self._committer is not None:
            self._committer.check()
        now = time.time()
        if now < self._due:
            return False
        if all(writer.empty for writer in self._writers.values()):
            self._due = next_moment(now, self._interval)
            return False
        return True

    def pre_commit(
        self, positions: Mapping[TopicPartition, int], *, closing: bool = False
    ) -> Mapping[TopicPartition, SinkOffset]:
        """Finishes files and sends their description."""
        nothing = all(writer.empty for writer in self._writers.values())
        if not (closing or nothing or time.time() >= self._due):
            return {}
        offsets = {f"{where.topic}:{where.partition}": position for where, position in positions.items()}
        for writer in self._writers.values():
            for change in writer.seal(offsets):
                self._context.send(self._topic, change.to_json())
        for target in self._targets.known():
            target.refresh_later()
        self._due = next_moment(time.time(), self._interval)
        return {where: SinkOffset(position) for where, position in positions.items()}

    def stop(self) -> None:
        """Drops what is not finished, commits what has been told."""
        for writer in self._writers.values():
            writer.abandon()
        if self._committer is not None:
            self._committer.stop(_STOP_DEADLINE)

    def _prefix(self) -> str:
        connector = re.sub(r"[^A-Za-z0-9_.]", "_", self._context.connector)
        return f"{connector}-{self._context.task}-{self._context.epoch}"

    def make_committer(self) -> tuple[ControlReader, Committer]:
        """A committer for this connector, with a catalog of its own, for one thread."""
        reader = ControlReader(self._context.kafka, self._control)
        tables = TableCommitter(
            open_catalog(self._config),
            self._control,
            f"{self._prefix()}-merged",
            self._config.with_prefix("iceberg.tables.write-props."),
            self._context.stopping,
        )
        return reader, Committer(reader, tables)

    def _halt(self, batch: Batch, faults: Mapping[int, str]) -> None:
        for row in sorted(faults):
            try:
                self._context.report(batch, row, faults[row])
            except RecordHaltedError:
                # What comes before the halted record still has to be committed.
                self.put(batch.slice(0, row))
                raise

    def _examine(self, batch: Batch) -> tuple[dict[int, str], list[_Work]]:
        """Rows that can not be written with the reason, and the others by table; evolves tables, writes nothing."""
        if not len(batch):
            return {}, []
        if not pa.types.is_struct(batch.value.type) and batch.value.null_count < len(batch):
            why = f"the value is {batch.value.type}, not a record: a table needs columns; use a converter with schemas"
            return dict.fromkeys(pc.indices_nonzero(batch.value.is_valid()).to_pylist(), why), []
        routed = self._router.route(batch)
        faults = dict(routed.faults)
        if self._ignore_nulls:
            faults = {row: why for row, why in faults.items() if batch.value[row].is_valid}
        work = []
        for name, rows in routed.rows.items():
            part = batch if len(rows) == len(batch) else batch.take(rows)
            found, done = self._examine_table(name, part)
            faults.update({rows[row].as_py(): why for row, why in found.items()})
            if done is not None:
                work.append(done)
        return faults, work

    def _examine_table(self, name: TableName, batch: Batch) -> tuple[dict[int, str], _Work | None]:
        record = batch.value.type if batch.value.null_count < len(batch) else None
        try:
            target = self._targets.find(name, record, batch.key.type)
        except MissingTableError as error:
            if not self._dynamic:
                raise
            return dict.fromkeys(range(len(batch)), str(error)), None
        if target is None:
            # No table yet, so there is no row that a tombstone could delete.
            return {}, None
        if record is not None and (refusal := target.admit(record)):
            return dict.fromkeys(pc.indices_nonzero(batch.value.is_valid()).to_pylist(), refusal), None
        ignore_case = self._targets.ignore_case
        if target.id_columns:
            changes = keyed(batch, target.layout, target.id_columns, self._operation, ignore_case=ignore_case)
        else:
            changes = appended(batch, target.layout, ignore_nulls=self._ignore_nulls, ignore_case=ignore_case)
        return changes.faults, _Work(name, target, changes) if len(changes.rows) else None

    def _take(self, work: _Work) -> None:
        writer = self._writers.get(work.name)
        if writer is None:
            writer = self._writers[work.name] = TableWriter(work.target.layout, work.target.id_columns)
        writer.take_layout(work.target.layout)
        if work.target.id_columns:
            writer.change(work.changes.rows, work.changes.deleted)
        else:
            writer.append(work.changes.rows)

    def _bound_memory(self) -> None:
        held = self.memory
        if held <= self._memory_limit:
            return
        # Down to half, so that the next rows do not ask for it again.
        for writer in sorted(self._writers.values(), key=lambda each: each.memory, reverse=True):
            if held <= self._memory_limit // 2:
                return
            before = writer.memory
            writer.shrink(max(0, self._memory_limit // 2 - (held - before)))
            held -= before - writer.memory
