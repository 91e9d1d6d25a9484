"""What runs plugin code or waits on Kafka: each call in a process of its own, by :mod:`.plugin_process`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import orjson

from tidegate.config.redaction import HIDDEN, Redaction
from tidegate.config.secrets import SecretBox, is_reference, is_sealed, resolve
from tidegate.control import ConnectorType, PluginInfo
from tidegate.errors import ConfigError, ConfigProblem, RetriableError, TidegateError
from tidegate.kafka.topics import TopicAdmin
from tidegate.kafka.transactions import fence, transactional_id
from tidegate.records.envelope import Batch
from tidegate.records.row_json import row_json
from tidegate.sdk.config_def import Config, ConfigValue, Type
from tidegate.sdk.connector_config import add_problems, check, definition, parse
from tidegate.sdk.plugins import Plugin, Plugins
from tidegate.sdk.sink import SinkConnector
from tidegate.sdk.source import SourceConnector, SourceTask
from tidegate.transforms.chain import TransformChain
from tidegate.transforms.configuration import transform_chain
from tidegate_worker.connector_offsets import alter_offsets, read_offsets
from tidegate_worker.plugin_answers import InstalledPlugins, OffsetEntry, ShownValue, Validated, WorkerFacts
from tidegate_worker.task.launch import TASK_COUNT

_KAFKA_DEADLINE = 5.0
_PREVIEW_SECONDS = 10.0


def list_plugins() -> InstalledPlugins:
    """The connectors installed here."""
    plugins = Plugins.installed()
    infos = [PluginInfo(each.name, each.type, each.version, list(each.aliases), each.doc) for each in plugins.all()]
    return InstalledPlugins(infos, dict(plugins.broken))


def validate(facts: WorkerFacts, name: str, config: Mapping[str, str], definitions_only: bool) -> Validated:
    """Checks a configuration: keys, combinations, then what the plugin finds, also by contacting its system.

    Raises:
        ConfigError: on ``connector.class``, when the plugin is not known.
    """
    plugin = Plugins.installed().find(config.get("connector.class") or name)
    keys = definition(plugin, config)
    passwords = [key.name for key in keys.keys.values() if key.type is Type.PASSWORD]
    if definitions_only:
        values = [ConfigValue(key, key.default_text()) for key in keys.keys.values()]
    else:
        values = _validate(facts, plugin, config)
    return Validated(plugin.name, plugin.type, [_shown(value) for value in values], passwords)


def _validate(facts: WorkerFacts, plugin: Plugin, config: Mapping[str, str]) -> list[ConfigValue]:
    checked = check(plugin, config)
    if checked.config is None:
        return checked.values
    try:
        with _resolved(facts, plugin, config) as resolved:
            problems = list(plugin.connector().validate(resolved))
            if problems:
                raise ConfigError(problems)
    except ConfigError as error:
        problems = list(error.problems)
    except RetriableError as error:
        problems = [ConfigProblem("connector.class", str(error))]
    if not problems:
        try:
            TopicAdmin(facts.kafka, deadline=_KAFKA_DEADLINE).partitions()
        except TidegateError as error:
            problems = [ConfigProblem("connector.class", f"the worker can not reach Kafka: {error}")]
    return add_problems(checked.values, problems)


def split(facts: WorkerFacts, config: Mapping[str, str]) -> tuple[ConnectorType, list[dict[str, str]]]:
    """Splits a connector into task configurations; secrets stay as they are in ``config``.

    Raises:
        TidegateError: the plugin's.
    """
    plugin = Plugins.installed().find(config.get("connector.class", ""))
    with _resolved(facts, plugin, config) as parsed:
        most: int = parsed["tasks.max"]
        connector = plugin.connector()
        if not isinstance(connector, SourceConnector):
            return "sink", [{**config, TASK_COUNT: str(most)} for _ in range(most)]
        own = connector.task_configs(parsed, most)
    return "source", [{**config, **_only_new(parsed, task)} for task in own]


def _only_new(parsed: Config, task: Mapping[str, str]) -> dict[str, str]:
    """What a plugin adds or changes: values it merely passed on would be resolved secrets."""
    return {key: value for key, value in task.items() if parsed.originals.get(key) != value}


def preview(facts: WorkerFacts, config: Mapping[str, str], limit: int) -> list[str]:
    """The first records of a source after its transforms, as JSON objects; moves no offsets.

    A record that a transform can not take has its reason as ``error``.

    Raises:
        TidegateError: the plugin's.
    """
    plugin = Plugins.installed().find(config.get("connector.class", ""))
    with _resolved(facts, plugin, config) as parsed:
        return _preview(plugin, parsed, config.get("name", ""), limit)


def _preview(plugin: Plugin, parsed: Config, name: str, limit: int) -> list[str]:
    connector = plugin.connector()
    if not isinstance(connector, SourceConnector):
        raise ConfigError([ConfigProblem("connector.class", "a sink has nothing to preview: give a source")])
    tasks = connector.task_configs(parsed, 1)
    if not tasks:
        return []
    chain = transform_chain(parsed)
    task = (connector.preview_class or connector.task_class)()
    stopping = threading.Event()
    task.start(parse(plugin, {**parsed.originals, **tasks[0]}), _PreviewContext(name, stopping))
    try:
        return _first_records(task, chain, limit)
    finally:
        stopping.set()
        task.stop()
        chain.close()


class _PreviewContext:
    def __init__(self, connector: str, stopping: threading.Event) -> None:
        self.connector = connector
        self.task = 0
        self.stopping = stopping

    def offset(self, partition: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return None

    def lag(self, *, nbytes: int | None = None, seconds: float | None = None) -> None:
        return None

    def halt(self, topic: str, raw: bytes, message: str, exception: str = "DataException") -> None:
        return None


def _first_records(task: SourceTask, chain: TransformChain, limit: int) -> list[str]:
    records: list[str] = []
    give_up = time.monotonic() + _PREVIEW_SECONDS
    while len(records) < limit and time.monotonic() < give_up:
        for each in task.poll():
            # A transform may drop records, so a batch is taken piece by piece until there are enough.
            for start in range(0, len(each.batch), limit):
                records += _previewed(chain, each.batch.slice(start, limit))
                if len(records) >= limit:
                    return records[:limit]
    return records


def _previewed(chain: TransformChain, batch: Batch) -> list[str]:
    transformed = chain.apply(batch)
    shown = {fault.row: _record_json(batch, fault.row, fault.message) for fault in transformed.faults}
    for part in transformed.parts:
        for at, row in enumerate(part.rows.tolist()):
            shown[row] = _record_json(part.batch, at)
    return [text for _, text in sorted(shown.items())]


def _record_json(batch: Batch, row: int, error: str = "") -> str:
    record = {
        "topic": batch.topic,
        "key": orjson.Fragment(row_json(batch.key, row) or b"null"),
        "value": orjson.Fragment(row_json(batch.value, row) or b"null"),
        **({"error": error} if error else {}),
    }
    return orjson.dumps(record).decode()


def get_offsets(facts: WorkerFacts, config: Mapping[str, str]) -> list[OffsetEntry]:
    """A connector's committed offsets.

    Raises:
        TidegateError: Kafka is away or the configuration unusable.
    """
    plugin = Plugins.installed().find(config.get("connector.class", ""))
    with _resolved(facts, plugin, config) as parsed:
        return read_offsets(facts.kafka, _topic_settings(facts), plugin.type, parsed)


def set_offsets(
    facts: WorkerFacts, config: Mapping[str, str], tasks: int, entries: Sequence[OffsetEntry] | None
) -> str:
    """Writes offsets of a connector that does not run, after fencing its tasks; None deletes all.

    Returns:
        What was done, in words.

    Raises:
        TidegateError: Kafka is away, or an entry is malformed; then nothing was written.
    """
    plugin = Plugins.installed().find(config.get("connector.class", ""))
    with _resolved(facts, plugin, config) as parsed:
        fence_tasks(facts, config["name"], tasks)
        name = transactional_id(facts.cluster, config["name"], 0)
        connector = plugin.connector()
        target = None
        if isinstance(connector, SinkConnector):
            target = partial(connector.alter_offsets, parsed, config["name"])
        return alter_offsets(facts.kafka, _topic_settings(facts), plugin.type, parsed, name, entries, target)


def fence_tasks(facts: WorkerFacts, connector: str, tasks: int) -> None:
    """Fences whatever may still run of a connector's tasks.

    Raises:
        RetriableError: Kafka is away.
    """
    fence(facts.kafka, [transactional_id(facts.cluster, connector, task) for task in range(tasks)])


@contextmanager
def _resolved(facts: WorkerFacts, plugin: Plugin, config: Mapping[str, str]) -> Iterator[Config]:
    """The configuration with its secrets, for as long as they are needed; no error raised inside shows one.

    Raises:
        TidegateError: what was raised inside, or the configuration is unusable.
    """
    redaction = Redaction()
    for key in definition(plugin, config).keys.values():
        given = config.get(key.name, "")
        if key.type is Type.PASSWORD and not is_reference(given) and not is_sealed(given):
            redaction.add(given)
    with redaction.over_errors():
        yield parse(plugin, resolve(config, SecretBox(facts.secret_keys), facts.config_providers, redaction))


def _topic_settings(facts: WorkerFacts) -> tuple[str, int, int]:
    return facts.offsets_topic, facts.offsets_partitions, facts.offsets_replication


def _shown(value: ConfigValue) -> ShownValue:
    key = value.key
    hidden = key.type is Type.PASSWORD and value.value is not None and not is_reference(value.value)
    return ShownValue(
        key.name,
        key.type.value,
        key.required,
        key.default_text(),
        key.importance.value,
        key.doc,
        key.group,
        key.recommended,
        HIDDEN if hidden else value.value,
        tuple(each.replace(value.value, HIDDEN) if hidden and value.value else each for each in value.errors),
    )
