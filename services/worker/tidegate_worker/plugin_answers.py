"""What an agent and the processes of plugin calls tell each other; imports nothing that needs memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.control import ConnectorType, PluginInfo


@dataclass(frozen=True)
class WorkerFacts:
    """What plugin calls need to know of the worker.

    Args:
        cluster: cluster name.
        kafka: librdkafka properties.
        secret_keys: opens sealed secrets.
        config_providers: configures the config providers.
        offsets_topic: topic of source offsets.
        offsets_partitions: its partitions.
        offsets_replication: its replication factor.
    """

    cluster: str
    kafka: dict[str, str] = field(repr=False)
    secret_keys: str | None = field(repr=False)
    config_providers: dict[str, str] = field(repr=False)
    offsets_topic: str
    offsets_partitions: int
    offsets_replication: int


@dataclass(frozen=True)
class Validated:
    """The outcome of checking a configuration.

    Args:
        plugin: the plugin's name.
        type: source or sink.
        values: every key, with what is wrong.
        password_keys: keys whose values are secret.
    """

    plugin: str
    type: ConnectorType
    values: list[ShownValue]
    password_keys: list[str]


@dataclass(frozen=True)
class ShownValue:
    """One key of a validation, without code: it crosses processes."""

    name: str
    type: str
    required: bool
    default: str | None
    importance: str
    doc: str
    group: str
    recommended: tuple[str, ...]
    value: str | None
    errors: tuple[str, ...]


@dataclass(frozen=True)
class OffsetEntry:
    """One position.

    Args:
        partition_json: JSON object: a source partition, or ``kafka_topic`` and ``kafka_partition``.
        offset_json: JSON object: a source offset, or ``kafka_offset``; None deletes the position.
    """

    partition_json: str
    offset_json: str | None


@dataclass(frozen=True)
class InstalledPlugins:
    """The connectors of this machine.

    Args:
        plugins: the usable ones.
        broken: entry-point name to the reason it does not load.
    """

    plugins: list[PluginInfo]
    broken: dict[str, str]
