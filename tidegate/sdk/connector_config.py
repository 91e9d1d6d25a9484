"""The configuration keys every connector has, in Kafka Connect's names, and the validation of a whole configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.converters.plugins import converter
from tidegate.errors import ConfigError, ConfigProblem
from tidegate.sdk.config_def import (
    REQUIRED,
    Config,
    ConfigDef,
    ConfigKey,
    ConfigValue,
    Importance,
    Type,
    at_least,
    one_of,
)
from tidegate.sdk.drift import HALT, KEY, POLICIES, drift_problems, with_drift_keys
from tidegate.sdk.plugins import Plugin
from tidegate.sdk.sink import SinkConnector
from tidegate.sdk.topic_creation import GROUPS, topic_creation_problems
from tidegate.transforms.configuration import TRANSFORM_KEYS, transform_definition, transform_problems

_COMMON = "Common"
_CONVERTERS = "Converters"
_ERRORS = "Error handling"
_KAFKA = "Kafka"
_CONVERTER_NAMES = (
    *("avro", "protobuf", "jsonschema", "json", "string", "bytes"),
    *("boolean", "short", "integer", "long", "float", "double"),
)

COMMON = (
    ConfigDef()
    .define(
        "name", Type.STRING, REQUIRED, Importance.HIGH, "Name of the connector, unique in the cluster.", group=_COMMON
    )
    .define(
        "connector.class",
        Type.CLASS,
        REQUIRED,
        Importance.HIGH,
        "The plugin: its name, an alias such as the Java class it stands in for, or module:Class.",
        group=_COMMON,
    )
    .define(
        "tasks.max",
        Type.INT,
        1,
        Importance.HIGH,
        "The most tasks the connector is split into.",
        validator=at_least(1),
        group=_COMMON,
    )
    .define(
        "key.converter",
        Type.CLASS,
        "avro",
        Importance.MEDIUM,
        "How record keys are written in Kafka: a converter's name, or the Java class it stands in for.",
        group=_CONVERTERS,
        recommended=_CONVERTER_NAMES,
    )
    .define(
        "value.converter",
        Type.CLASS,
        "avro",
        Importance.MEDIUM,
        "How record values are written in Kafka: a converter's name, or the Java class it stands in for.",
        group=_CONVERTERS,
        recommended=_CONVERTER_NAMES,
    )
    .define(
        "errors.tolerance",
        Type.STRING,
        "none",
        Importance.MEDIUM,
        "What becomes of a record that can not be decoded, encoded, validated or written: none fails the task at it "
        "having lost nothing, all halts that record alone and goes on.",
        validator=one_of("none", "all"),
        group=_ERRORS,
    )
    .define(
        "errors.deadletterqueue.topic.name",
        Type.STRING,
        "",
        Importance.MEDIUM,
        "Topic that halted records go to, with their reason in headers; empty drops them, counted and logged. "
        "Unlike in Kafka Connect it serves sources as well.",
        group=_ERRORS,
    )
    .define(
        "errors.deadletterqueue.topic.replication.factor",
        Type.INT,
        -1,
        Importance.LOW,
        "Replication factor the topic is created with; -1 is the brokers' default.",
        group=_ERRORS,
    )
    .define(
        "errors.deadletterqueue.context.headers.enable",
        Type.BOOLEAN,
        True,
        Importance.LOW,
        "Whether halted records carry the __connect.errors headers. On by default, for a record without its reason "
        "helps nobody.",
        group=_ERRORS,
    )
    .define(
        "errors.log.enable",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Whether each halted record is logged with its reason.",
        group=_ERRORS,
    )
    .define(
        "errors.log.include.messages",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Whether that log line also holds the record's key and value.",
        group=_ERRORS,
    )
    .define(
        "errors.retry.timeout",
        Type.LONG,
        0,
        Importance.LOW,
        "Milliseconds a failed operation is retried in place before the task is restarted; -1 is for ever.",
        group=_ERRORS,
    )
    .define(
        "errors.retry.delay.max.ms",
        Type.LONG,
        60_000,
        Importance.LOW,
        "The longest pause between two such retries, in milliseconds.",
        validator=at_least(1),
        group=_ERRORS,
    )
)

SOURCE = COMMON.merged(
    TRANSFORM_KEYS,
    ConfigDef()
    .define(
        "topic.creation.default.partitions",
        Type.INT,
        -1,
        Importance.LOW,
        "Partitions a missing topic is created with; -1 is the brokers' default.",
        group=_KAFKA,
    )
    .define(
        "topic.creation.default.replication.factor",
        Type.INT,
        -1,
        Importance.LOW,
        "Replication factor a missing topic is created with; -1 is the brokers' default.",
        group=_KAFKA,
    )
    .define(
        GROUPS,
        Type.LIST,
        [],
        Importance.LOW,
        "Groups of missing topics with settings of their own, by name. Of a group, topic.creation.<group>.include and "
        "exclude choose topics by regular expressions; the first group that fits counts. Its partitions and "
        "replication.factor are those of the group default where they are not given; all else, such as cleanup.policy, "
        "is a setting of the topic. The group default, for all other topics, has such settings too.",
        group=_KAFKA,
    ),
)

SINK = COMMON.merged(
    TRANSFORM_KEYS,
    ConfigDef()
    .define("topics", Type.LIST, [], Importance.HIGH, "Topics to read, separated by commas.", group=_COMMON)
    .define(
        "topics.regex",
        Type.STRING,
        "",
        Importance.HIGH,
        "Regular expression of the topics to read, matching whole names; instead of topics.",
        group=_COMMON,
    )
    .define(
        KEY,
        Type.STRING,
        HALT,
        Importance.MEDIUM,
        "What becomes of records whose form the target does not take: a schema of another subject, a required field "
        "gone or renamed, a type changed, a field without a place. halt: the records are halted one by one, as "
        "errors.tolerance says. fail: the task fails at the first of them, also where errors.tolerance is all for "
        "other faults. evolve: the target is changed as far as it can be without harm, the rest is halted. project: "
        "fields the target has no place for are left out, the rest is halted. Not every sink can evolve and project.",
        validator=one_of(*POLICIES),
        group=_ERRORS,
        recommended=POLICIES,
    )
    .define(
        "offset.flush.interval.ms",
        Type.LONG,
        5_000,
        Importance.LOW,
        "Milliseconds between two commits of what the target has taken, for sinks that do not decide it themselves.",
        validator=at_least(10),
        group=_KAFKA,
    )
    .define(
        "topic.metadata.refresh.interval.ms",
        Type.LONG,
        30_000,
        Importance.LOW,
        "Milliseconds after which new topics and partitions are looked for; one of `topics` that does not exist yet is "
        "looked for every second.",
        validator=at_least(100),
        group=_KAFKA,
    ),
)


def definition(plugin: Plugin, config: Mapping[str, str] | None = None) -> ConfigDef:
    """Every key of a connector: those all have, then the plugin's own, then those of its transforms.

    Args:
        plugin: the connector.
        config: names the transforms and predicates.
    """
    common = SOURCE if plugin.type == "source" else SINK
    return common.merged(plugin.connector.config_def, transform_definition(config or {}))


@dataclass(frozen=True)
class Checked:
    """The outcome of :func:`check`.

    Args:
        values: every key with its value and what is wrong with it.
        config: the parsed configuration; None when a key is wrong by itself.
    """

    values: list[ConfigValue]
    config: Config | None


def check(plugin: Plugin, config: Mapping[str, str]) -> Checked:
    """Checks all that can be told without contacting anything: single keys, then how they go together."""
    given, config = config, _drifting(plugin, config)
    keys = definition(plugin, config)
    values = add_problems(keys.validate(config), _combined(plugin, given))
    if any(value.errors for value in values):
        return Checked(values, None)
    return Checked(values, keys.parse(config))


def add_problems(values: list[ConfigValue], problems: list[ConfigProblem]) -> list[ConfigValue]:
    """The values with further problems beside those they have."""
    names = {value.key.name for value in values}
    merged = [
        ConfigValue(value.key, value.value, (*value.errors, *(p.message for p in problems if p.key == value.key.name)))
        for value in values
    ]
    return merged + [
        ConfigValue(_unlisted(problem.key), None, (problem.message,))
        for problem in problems
        if problem.key not in names
    ]


def parse(plugin: Plugin, config: Mapping[str, str]) -> Config:
    """Parses a configuration that may be deployed.

    Raises:
        ConfigError: with every problem.
    """
    checked = check(plugin, config)
    if checked.config is None:
        raise ConfigError([ConfigProblem(value.key.name, error) for value in checked.values for error in value.errors])
    return checked.config


def converter_config(config: Config, side: str) -> dict[str, str]:
    """The keys of one converter.

    Args:
        config: a connector's configuration.
        side: ``key`` or ``value``.
    """
    return config.with_prefix(f"{side}.converter.")


def _drifting(plugin: Plugin, config: Mapping[str, str]) -> Mapping[str, str]:
    if not issubclass(plugin.connector, SinkConnector):
        return config
    return with_drift_keys(plugin.connector.drift_keys, config)


def _unlisted(name: str) -> ConfigKey:
    return ConfigKey(name, Type.STRING, None, Importance.LOW, "")


def _combined(plugin: Plugin, config: Mapping[str, str]) -> list[ConfigProblem]:
    problems = []
    for side in ("key", "value"):
        name = config.get(f"{side}.converter")
        if name:
            try:
                converter(name)
            except ConfigError as error:
                problems += [ConfigProblem(f"{side}.converter", problem.message) for problem in error.problems]
    problems += transform_problems(config)
    if issubclass(plugin.connector, SinkConnector):
        problems += _topic_problems(config)
        problems += drift_problems(plugin.connector.drift_keys, config)
    else:
        problems += topic_creation_problems(config)
    return problems


def _topic_problems(config: Mapping[str, str]) -> list[ConfigProblem]:
    topics = [topic for topic in config.get("topics", "").split(",") if topic.strip()]
    pattern = config.get("topics.regex", "").strip()
    if bool(topics) == bool(pattern):
        given = "both are given" if topics else "neither is given"
        return [ConfigProblem("topics", f"a sink needs either topics or topics.regex, {given}: keep exactly one")]
    if config.get("errors.deadletterqueue.topic.name", "").strip() in [topic.strip() for topic in topics]:
        return [
            ConfigProblem(
                "errors.deadletterqueue.topic.name",
                "is one of the topics the sink reads: halted records would come back; name another topic",
            )
        ]
    if pattern:
        try:
            re.compile(pattern)
        except re.error as error:
            return [ConfigProblem("topics.regex", f"{pattern!r} is no regular expression: {error}")]
    return []
