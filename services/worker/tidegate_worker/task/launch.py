"""What an agent and a task's process tell each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tidegate.control import ConnectorType

FENCED_EXIT = 75
"""Exit status of a process that ended itself because its lease may have run out or its agent is gone."""

TASK_COUNT = "task.count"
"""Internal key of a sink task's configuration: how many tasks share the partitions."""


@dataclass(frozen=True)
class TaskLaunch:
    """Everything a task's process has to know; sent to it once.

    Args:
        connector: connector name.
        task: task number.
        type: source or sink.
        config: the task's configuration with secrets still sealed.
        worker_id: the holder.
        cluster: cluster name.
        kafka: librdkafka properties.
        registry_urls: gRPC addresses of the registry's replicas.
        offsets_topic: topic of source offsets.
        offsets_partitions: its partitions, when it is made.
        offsets_replication: its replication factor, when it is made.
        secret_keys: opens sealed secrets; None without one.
        config_providers: configures the config providers.
        otlp_endpoint: collector of traces.
        log_level: least severity that is logged.
        log_format: json or console.
    """

    connector: str
    task: int
    type: ConnectorType
    config: dict[str, str] = field(repr=False)
    worker_id: str
    cluster: str
    kafka: dict[str, str] = field(repr=False)
    registry_urls: tuple[str, ...]
    offsets_topic: str
    offsets_partitions: int
    offsets_replication: int
    secret_keys: str | None = field(repr=False)
    config_providers: dict[str, str] = field(repr=False)
    otlp_endpoint: str | None
    log_level: str
    log_format: str


@dataclass(frozen=True)
class Run:
    """To the process: the task is claimed, go.

    Args:
        epoch: create revision of the claim.
        paused: begin without moving records.
    """

    epoch: int
    paused: bool


@dataclass(frozen=True)
class SetPaused:
    """To the process: stop or go on moving records."""

    paused: bool


@dataclass(frozen=True)
class Stop:
    """To the process: commit what is there and end."""


@dataclass(frozen=True)
class Warm:
    """From the process: the plugin is imported; it waits for :class:`Run`."""


@dataclass(frozen=True)
class Entered:
    """From the process: the task is at work, or idle by request."""

    state: Literal["RUNNING", "PAUSED"]


@dataclass(frozen=True)
class Failed:
    """From the process, before it ends.

    Args:
        retriable: whether a new start may help.
        trace: reason and traceback, without secrets.
    """

    retriable: bool
    trace: str


@dataclass(frozen=True)
class Stats:
    """From the process, about each second: counters since its start.

    Args:
        records_in: read from the source system or from Kafka.
        records_out: committed to Kafka or to the target.
        records_halted: committed to the dead letter queue, or dropped where there is none.
        bytes: produced or consumed.
        commits: transactions.
        lag_records: records behind the end of the partitions; -1 when not known.
        lag_bytes: bytes that a source task is behind; -1 when not known.
        lag_seconds: age of the last change that a source task has read; -1 when not known.
    """

    records_in: int = 0
    records_out: int = 0
    records_halted: int = 0
    bytes: int = 0
    commits: int = 0
    lag_records: int = -1
    lag_bytes: int = -1
    lag_seconds: float = -1.0


ToTask = Run | SetPaused | Stop
FromTask = Warm | Entered | Failed | Stats
