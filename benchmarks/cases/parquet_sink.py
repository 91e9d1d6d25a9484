"""Kafka to zstd Parquet on S3, beside a sink that only appends text to a file and one that writes Iceberg."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.cases import file_sink, iceberg_sink
from benchmarks.comparing import compared
from benchmarks.data.tables import table
from benchmarks.data.topics import PARTITIONS, Topics
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import BUCKET, Stage
from benchmarks.systems.connectors import Config
from benchmarks.systems.kafka_connect import KafkaConnect
from benchmarks.systems.tidegate import Tidegate
from benchmarks.transfer import Side, Transfer
from tidegate.demo.lake import Lake

NAME = "parquet-sink"
ROWS = 1_200_000
DATA = ("orders",)

_AVRO = "rows-avro"
_JSON = "rows-json"
_FILES_PER_PARTITION = 5
_CHUNK = 1_000


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each data set and number of tasks."""
    return run_sink(settings, NAME, "avro")


def run_sink(settings: Settings, case: str, wire: str) -> list[Comparison]:
    """The case, with Tidegate reading either form.

    Args:
        settings: options.
        case: name for the results.
        wire: ``avro`` or ``json``: what Tidegate's topic holds. The others' holds JSON.
    """
    every = settings.data or DATA
    return [_run(settings, case, wire, data, tasks) for data in every for tasks in settings.tasks or (1,)]


def _run(settings: Settings, case: str, wire: str, data: str, tasks: int) -> Comparison:
    # Every partition gets the same number of rows, and every file of it too, so that the last one fills up.
    unit = PARTITIONS * _FILES_PER_PARTITION * _CHUNK
    rows = max(unit, (settings.rows or ROWS) // unit * unit)
    with ExitStack() as exits:
        stage = exits.enter_context(Stage(["seaweedfs"]))
        topics = Topics(stage.bootstrap_servers)
        sides = []
        size = 0
        wants_connect, wants_iceberg = settings.wants("connect"), settings.wants("iceberg")
        if wants_connect or wants_iceberg or wire == "json":
            topics.make(_JSON)
            size = topics.fill_json(_JSON, table(data, rows))
        if settings.wants("tidegate"):
            tidegate = exits.enter_context(Tidegate(stage))
            if wire == "avro":
                topics.make(_AVRO)
                topics.fill_avro(_AVRO, table(data, rows), [tidegate.registry.addresses["grpc"]])
            sides.append(_tidegate(tidegate, stage, wire, rows, tasks))
        if wants_connect:
            connect = exits.enter_context(KafkaConnect(stage))
            sides.append(file_sink.connect_side(connect, stage, _JSON, rows, size, tasks))
        if wants_iceberg:
            sides.append(iceberg_sink.connect_side(exits, stage, _JSON, rows, tasks))
        title = f"{rows:,} rows of {data} from Kafka, {PARTITIONS} partitions, {tasks} task(s)"
        return compared(case, title, sides, settings, stage)


def _tidegate(system: Tidegate, stage: Stage, wire: str, rows: int, tasks: int) -> Side:
    topic = _AVRO if wire == "avro" else _JSON
    s3 = stage.stack.seaweedfs
    converter: Config = {"value.converter": wire}
    if wire == "json":
        converter = {**converter, "value.converter.schemas.enable": "false"}

    def prepare(number: int) -> Transfer:
        directory = f"{wire}-{number}"
        lake = Lake(s3.endpoint_url, s3.access_key, s3.secret_key, BUCKET, s3.region, topics_dir=directory)
        config: Config = {
            "connector.class": "s3-sink",
            "tasks.max": tasks,
            "topics": topic,
            **converter,
            "store.url": "${env:LAKE_ENDPOINT}",
            "s3.bucket.name": "${env:LAKE_BUCKET}",
            "aws.access.key.id": "${env:LAKE_ACCESS_KEY_ID}",
            "aws.secret.access.key": "${env:LAKE_SECRET_ACCESS_KEY}",
            "topics.dir": directory,
            "format.class": "parquet",
            "parquet.codec": "zstd",
            "flush.size": rows // PARTITIONS // _FILES_PER_PARTITION,
        }
        return Transfer({f"s3-{directory}": config}, rows, lambda: lake.count(topic), lambda: lake.count(topic))

    return Side(system, f"s3-sink, {wire} to Parquet with zstd, exactly once", prepare)
