"""The main function of a task's process."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection

import setproctitle

from tidegate.config.redaction import Redaction
from tidegate.config.secrets import SecretBox, resolve
from tidegate.converters.base import Converter
from tidegate.converters.plugins import converter
from tidegate.errors import FatalError, FencedError, RecordHaltedError, RetriableError, TidegateError
from tidegate.kafka.source_offsets import SourceOffsets
from tidegate.kafka.topics import TopicAdmin
from tidegate.kafka.transactions import TransactionalProducer, transactional_id
from tidegate.registry_client import RegistryClient
from tidegate.sdk.config_def import Config
from tidegate.sdk.connector_config import converter_config, parse
from tidegate.sdk.plugins import Plugin, Plugins
from tidegate.sdk.sink import SinkTask
from tidegate.sdk.source import SourceTask
from tidegate.telemetry import logging, tracing
from tidegate.transforms.configuration import transform_chain
from tidegate_worker.fork_server import die_with_parent
from tidegate_worker.task.control import Control
from tidegate_worker.task.launch import FENCED_EXIT, TASK_COUNT, TaskLaunch, Warm
from tidegate_worker.task.patience import Patience
from tidegate_worker.task.sink_loop import SinkLoop
from tidegate_worker.task.source_loop import SourceLoop
from tidegate_worker.task.vital_signs import VitalSigns

_LONGEST_TRACE = 16_000
_REGISTRY_PATIENCE_MS = 60_000
# A stage that comes back from a call of C's waits so long at most for the interpreter, which the others hold for
# milliseconds at a time. By default five, at each of the dozen calls that a small transaction is.
_SWITCH_SECONDS = 0.0005

log = logging.get_logger(__name__)


def main(launch: TaskLaunch, channel: Connection, signs: VitalSigns) -> None:
    """Runs one task: imports its plugin, waits for the claim, runs its loop, reports how it ended.

    Args:
        launch: what to run.
        channel: the pipe to the agent.
        signs: shared memory.
    """
    die_with_parent()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    sys.setswitchinterval(_SWITCH_SECONDS)
    setproctitle.setproctitle(f"tidegate task {launch.connector}/{launch.task}")
    logging.configure(
        launch.log_level,  # type: ignore[arg-type]
        launch.log_format,  # type: ignore[arg-type]
        service="task",
        worker=launch.worker_id,
    )
    redaction = Redaction()
    logging.hide_in_texts(redaction.hide)
    control = Control(channel, signs)
    control.start()
    try:
        plugin = Plugins.installed().find(launch.config["connector.class"])
        control.send(Warm())
        order = control.wait_for_run()
        if order is None:
            return
        tracing.configure(launch.otlp_endpoint, "tidegate-task", f"{launch.connector}-{launch.task}")
        _run(launch, plugin, order.epoch, control, redaction)
    except FencedError as error:
        log.warning("task_fenced", connector=launch.connector, task=launch.task, reason=error.message)
        control.failed(redaction.hide(str(error)), retriable=True)
        sys.exit(FENCED_EXIT)
    except Exception as error:
        retriable = isinstance(error, RetriableError) or not isinstance(error, FatalError)
        control.failed(redaction.hide(_trace(error)), retriable=retriable)
    finally:
        tracing.shutdown()


def _run(launch: TaskLaunch, plugin: Plugin, epoch: int, control: Control, redaction: Redaction) -> None:
    box = SecretBox(launch.secret_keys)
    config = parse(plugin, resolve(launch.config, box, launch.config_providers, redaction))
    patience = Patience(
        config["errors.retry.timeout"] or _REGISTRY_PATIENCE_MS,
        config["errors.retry.delay.max.ms"],
        control.stopping,
        control.beat,
    )
    task = plugin.connector.task_class()
    own = {"transaction.timeout.ms": str(task.transaction_timeout_ms)} if isinstance(task, SourceTask) else {}
    producer = TransactionalProducer(
        launch.kafka,
        transactional_id(launch.cluster, launch.connector, launch.task),
        own | config.with_prefix("producer.override."),
        alive=control.beat,
    )
    registry = RegistryClient(launch.registry_urls)
    chain = transform_chain(config)
    try:
        topics = TopicAdmin(launch.kafka)
        key = make_converter(config, "key", registry)
        value = make_converter(config, "value", registry)
        if isinstance(task, SourceTask):
            SourceLoop(
                task,
                config,
                launch.connector,
                launch.task,
                control=control,
                producer=producer,
                offsets=SourceOffsets(
                    launch.kafka,
                    launch.offsets_topic,
                    launch.connector,
                    partitions=launch.offsets_partitions,
                    replication=launch.offsets_replication,
                ),
                topics=topics,
                chain=chain,
                key_converter=key,
                value_converter=value,
                patience=patience,
            ).run()
        elif isinstance(task, SinkTask):
            SinkLoop(
                task,
                config,
                launch.connector,
                launch.task,
                int(launch.config.get(TASK_COUNT, "1")),
                epoch,
                control=control,
                kafka=launch.kafka,
                producer=producer,
                topics=topics,
                chain=chain,
                key_converter=key,
                value_converter=value,
                patience=patience,
            ).run()
    finally:
        chain.close()
        registry.close()
        producer.close()


def make_converter(config: Config, side: str, registry: RegistryClient | None) -> Converter:
    """The configured converter of one side.

    Args:
        config: the connector's configuration.
        side: ``key`` or ``value``.
        registry: for converters with schemas.
    """
    made = converter(config[f"{side}.converter"])
    settings: Mapping[str, str] = converter_config(config, side)
    made.configure(settings, is_key=side == "key", registry=registry)
    return made


def _trace(error: Exception) -> str:
    """The reason first; the traceback only for what is not a plain sentence of ours."""
    if isinstance(error, RecordHaltedError) or (isinstance(error, TidegateError) and error.__cause__ is None):
        return str(error)
    return f"{error}\n\n{''.join(traceback.format_exception(error))[-_LONGEST_TRACE:]}"
