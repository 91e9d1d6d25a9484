"""Base classes of source connectors: from a system into Kafka."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from tidegate.errors import ConfigProblem
from tidegate.records.envelope import SourceBatch
from tidegate.sdk.config_def import Config, ConfigDef


class SourceContext(Protocol):
    """What the worker gives a source task."""

    connector: str
    """Connector name."""
    task: int
    """Task number, from 0."""
    stopping: threading.Event
    """Set when the task has to come to an end: wait on it instead of sleeping."""

    def offset(self, partition: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The last committed offset of a source partition, as the task gave it; None at the first start."""
        ...

    def lag(self, *, nbytes: int | None = None, seconds: float | None = None) -> None:
        """Tells how far the task is behind its source system, for the worker's metrics; what is None stays as it was.

        Args:
            nbytes: what the source system holds that has not been read and committed.
            seconds: age of the last change that was read; 0 when there are no others.
        """
        ...

    def halt(self, topic: str, raw: bytes, message: str, exception: str = "DataException") -> None:
        """Halts one piece of input that can not be made into a record, during ``poll``.

        It goes to the dead letter queue within the transaction of what the same ``poll`` returns.

        Args:
            topic: the topic it was meant for.
            raw: the input as read.
            message: one sentence naming the field and the rule.
            exception: name of the error.

        Raises:
            RecordHaltedError: ``errors.tolerance`` is ``none``; let it pass through ``poll``.
        """
        ...


class SourceTask(ABC):
    """Reads one share of a source system. Lives in a process of its own; all calls come from one thread."""

    transaction_timeout_ms: ClassVar[int] = 60_000
    """Milliseconds that polls which are one transaction (see :meth:`poll`) may take together. No more than the brokers'
    ``transaction.max.timeout.ms``, 900,000 by default; ``producer.override.transaction.timeout.ms`` replaces it."""

    @abstractmethod
    def start(self, config: Config, context: SourceContext) -> None:
        """Called once, after zombies of this task have been fenced and its offsets read.

        Raises:
            RetriableError: the system is away; the task is restarted with backoff.
            FatalError: the task goes to FAILED and stays until restarted.
        """

    @abstractmethod
    def poll(self) -> Sequence[SourceBatch]:
        """Returns the next batches, or nothing after at most about a second of waiting.

        What one call returns is written with its offsets in one Kafka transaction. Called again only after that one has
        committed or, when `poll` runs ahead, after it was handed over; after an abort the task is started anew from its
        committed offsets, so a task may keep its position in memory.

        Where the last batch has no offset, the transaction goes on with what the next calls return, until a last batch
        has one: for what can be told only whole, whatever its size. It goes to Kafka as it comes and is seen at the
        end. A pause waits for that end; a stop does not, and drops what was begun.

        Raises:
            RetriableError: the task is restarted from its committed offsets with backoff.
            FatalError: the task goes to FAILED.
        """

    def committed(self, partition: Mapping[str, Any], offset: Mapping[str, Any]) -> None:  # noqa: B027
        """Called after the transaction that holds this offset has committed; for upstream acknowledgements."""

    def stop(self) -> None:  # noqa: B027
        """Called once at the end, also after a failure; releases resources. Must not raise."""


class SourceConnector(ABC):
    """Describes a kind of source: its keys, and how it is split into tasks. Stateless; runs on any worker."""

    name: ClassVar[str]
    """Plugin name, used in ``connector.class``."""
    version: ClassVar[str] = "0.1.0"
    doc: ClassVar[str] = ""
    """One paragraph for the reference docs."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names ``connector.class`` may use, such as the Java class of Kafka Connect it stands in for."""
    config_def: ClassVar[ConfigDef]
    """The connector's own keys; the framework adds those every connector has."""
    task_class: ClassVar[type[SourceTask]]
    preview_class: ClassVar[type[SourceTask] | None] = None
    """A task that shows first records and changes nothing at the source, where ``task_class`` would."""

    def validate(self, config: Config) -> Sequence[ConfigProblem]:
        """Checks what single keys can not tell: combinations, reachability. May do IO with short deadlines."""
        return ()

    def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """Splits the work into at most ``max_tasks`` task configurations; each is merged over the connector's.

        Raises:
            RetriableError: the source system is away.
            ConfigError: the configuration names what does not exist.
        """
        return [{}]
