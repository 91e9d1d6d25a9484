"""Base classes of sink connectors: out of Kafka into a system."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from tidegate.errors import ConfigProblem
from tidegate.records.envelope import Batch, SinkOffset, TopicPartition
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.sdk.drift import DriftKeys


class SinkContext(Protocol):
    """What the worker gives a sink task."""

    connector: str
    """Connector name."""
    task: int
    """Task number, from 0."""
    epoch: int
    """The claim's epoch: grows each time the task moves or its worker restarts."""
    stopping: threading.Event
    """Set when the task has to come to an end."""
    kafka: Mapping[str, str]
    """The worker's librdkafka properties, for what a sink keeps in Kafka itself."""

    def send(self, topic: str, value: bytes, key: bytes | None = None) -> None:
        """Writes a record to Kafka in the transaction of the offsets that :meth:`SinkTask.pre_commit` returns.

        To be called within ``pre_commit`` only. The record appears if and only if the offsets are committed; what an
        earlier ``pre_commit`` sent and no transaction committed is gone.

        Args:
            topic: an existing topic.
            value: the record's value.
            key: decides the partition; spread when not given.
        """
        ...

    def report(self, batch: Batch, row: int, message: str, exception: str = "DataException") -> None:
        """Halts one record of a batch being put: it goes to the dead letter queue, or fails the task.

        Args:
            batch: the batch given to ``put``.
            row: index of the record in it.
            message: one sentence naming the field and the rule.
            exception: name of the error.

        Raises:
            RecordHaltedError: ``errors.tolerance`` is ``none``; let it pass through ``put``, which must have taken
                the rows before this one and none after it.
        """
        ...


class SinkTask(ABC):
    """Writes the records of its topic partitions. Lives in a process of its own; all calls come from one thread."""

    @abstractmethod
    def start(self, config: Config, context: SinkContext) -> None:
        """Called once, after zombies of this task have been fenced.

        Raises:
            RetriableError: the system is away; the task is restarted with backoff.
            FatalError: the task goes to FAILED and stays until restarted.
        """

    def open(self, committed: Mapping[TopicPartition, SinkOffset | None]) -> Mapping[TopicPartition, int]:
        """Called with partitions newly given to the task and what is committed for them, before their first ``put``.

        Finish here what an earlier holder had committed but not completed, using the offset's metadata.

        Returns:
            Offsets to read from instead of the committed ones, for sinks that hold offsets in their target.
        """
        return {}

    @abstractmethod
    def put(self, batch: Batch) -> None:
        """Takes a batch (one topic, one schema, rows of several partitions possible, in offset order within each).

        May buffer within a bound; data need not be visible in the target before ``committed``.

        Raises:
            RetriableError: the system is away. What of the batch was taken does not matter: the task is started anew
                with backoff and reads from its committed offsets.
        """

    def commit_due(self) -> bool:
        """Asked after every round, also idle ones (about each second): whether to run a commit cycle now.

        Independent of it, a cycle runs every ``offset.flush.interval.ms``.
        """
        return False

    def flush(self) -> None:  # noqa: B027
        """Makes everything put so far durable; called by the default :meth:`pre_commit`."""

    def pre_commit(
        self, positions: Mapping[TopicPartition, int], *, closing: bool = False
    ) -> Mapping[TopicPartition, SinkOffset]:
        """First half of a commit: makes data durable and tells which offsets may be committed with it.

        Data that must appear exactly once is prepared here but not yet visible, described in the offset's metadata, and
        made visible in :meth:`committed`: the Kafka transaction between the two admits one holder only.

        Args:
            positions: the next offset to read of each partition; all before it has been put or halted.
            closing: the task is about to stop or fail at a record: prepare everything put so far.

        Returns:
            Offsets to commit, none above its position; partitions left out stay as they are.
        """
        self.flush()
        return {partition: SinkOffset(position) for partition, position in positions.items()}

    def committed(self, offsets: Mapping[TopicPartition, SinkOffset]) -> None:  # noqa: B027
        """Second half: the transaction that holds these offsets has committed. Must be repeatable: see :meth:`open`."""

    def stop(self) -> None:  # noqa: B027
        """Called once at the end, also after a failure; releases resources and drops what was not committed."""


class SinkConnector(ABC):
    """Describes a kind of sink: its keys. Stateless; runs on any worker.

    Topic partitions are spread over ``tasks.max`` tasks by the framework (see ``tidegate.sdk.partitions``).
    """

    name: ClassVar[str]
    version: ClassVar[str] = "0.1.0"
    doc: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    config_def: ClassVar[ConfigDef]
    task_class: ClassVar[type[SinkTask]]
    drift_keys: ClassVar[DriftKeys] = {}
    """What ``drift.policy`` stands for here; without an entry for ``evolve`` or ``project`` that policy is refused."""

    def validate(self, config: Config) -> Sequence[ConfigProblem]:
        """Checks what single keys can not tell: combinations, reachability. May do IO with short deadlines."""
        return ()

    def alter_offsets(  # noqa: B027
        self, config: Config, connector: str, offsets: Mapping[TopicPartition, int] | None
    ) -> None:
        """Called before a stopped connector's offsets are altered in Kafka, for sinks that hold them in their target.

        Args:
            config: the connector's configuration.
            connector: its name.
            offsets: the new offsets of the topic partitions that are altered; None resets all.

        Raises:
            TidegateError: they can not be altered there; then they are not altered in Kafka.
        """
