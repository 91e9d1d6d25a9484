"""Kafka to an Iceberg table in a REST catalog, beside Iceberg's own sink for Kafka Connect."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.comparing import compared
from benchmarks.data.iceberg_catalog import NAMESPACE, SIGNING_NAME, WAREHOUSE, IcebergCatalog
from benchmarks.data.tables import table
from benchmarks.data.topics import PARTITIONS, Topics
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import Stage
from benchmarks.systems.connectors import Config
from benchmarks.systems.kafka_connect import KafkaConnect
from benchmarks.systems.tidegate import Tidegate
from benchmarks.transfer import Side, Transfer

NAME = "iceberg-sink"
ROWS = 600_000
DATA = ("orders",)

_AVRO = "rows-avro"
_JSON = "rows-json"
_COMMIT_MS = 5_000


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each data set and number of tasks."""
    every = settings.data or DATA
    return [_run(settings, data, tasks) for data in every for tasks in settings.tasks or (1,)]


def _run(settings: Settings, data: str, tasks: int) -> Comparison:
    rows = settings.rows or ROWS
    with ExitStack() as exits:
        stage = exits.enter_context(Stage(["seaweedfs"]))
        topics = Topics(stage.bootstrap_servers)
        sides = []
        if settings.wants("tidegate"):
            tidegate = exits.enter_context(Tidegate(stage))
            topics.make(_AVRO)
            topics.fill_avro(_AVRO, table(data, rows), [tidegate.registry.addresses["grpc"]])
            sides.append(_tidegate(tidegate, stage, rows, tasks))
        if settings.wants("iceberg"):
            topics.make(_JSON)
            topics.fill_json(_JSON, table(data, rows))
            sides.append(connect_side(exits, stage, _JSON, rows, tasks))
        title = f"{rows:,} rows of {data} from Kafka to an Iceberg table, {PARTITIONS} partitions, {tasks} task(s)"
        return compared(NAME, title, sides, settings, stage)


def _tidegate(system: Tidegate, stage: Stage, rows: int, tasks: int) -> Side:
    s3 = stage.stack.seaweedfs
    catalog = IcebergCatalog(s3)
    catalog.make_namespace()
    options: Config = {
        "type": "rest",
        "uri": s3.iceberg_url,
        "warehouse": WAREHOUSE,
        "rest.sigv4-enabled": "true",
        "rest.signing-name": SIGNING_NAME,
        "rest.signing-region": s3.region,
        "client.access-key-id": "${env:LAKE_ACCESS_KEY_ID}",
        "client.secret-access-key": "${env:LAKE_SECRET_ACCESS_KEY}",
        "client.region": s3.region,
        "s3.endpoint": s3.endpoint_url,
        "s3.access-key-id": "${env:LAKE_ACCESS_KEY_ID}",
        "s3.secret-access-key": "${env:LAKE_SECRET_ACCESS_KEY}",
        "s3.region": s3.region,
    }

    def prepare(number: int) -> Transfer:
        name = f"tidegate_{number}"
        config: Config = {
            "connector.class": "iceberg-sink",
            "tasks.max": tasks,
            "topics": _AVRO,
            "value.converter": "avro",
            "iceberg.tables": f"{NAMESPACE}.{name}",
            "iceberg.tables.auto-create-enabled": "true",
            "iceberg.tables.auto-create-props.write.parquet.compression-codec": "zstd",
            "iceberg.control.commit.interval-ms": _COMMIT_MS,
            **{f"iceberg.catalog.{key}": value for key, value in options.items()},
        }
        return Transfer({f"lake-{number}": config}, rows, lambda: catalog.rows(name), lambda: catalog.rows(name))

    return Side(system, f"iceberg-sink, Avro to Parquet with zstd, a snapshot every {_COMMIT_MS // 1000} s", prepare)


def connect_side(exits: ExitStack, stage: Stage, topic: str, rows: int, tasks: int) -> Side:
    """Iceberg's own sink for Kafka Connect.

    Args:
        exits: stops it.
        stage: what it stands on.
        topic: holds JSON objects.
        rows: in the topic.
        tasks: most tasks.
    """
    # The sink answers its commit coordinator only when Connect calls it, which an idle topic delays by this.
    flush = {"offset.flush.interval.ms": "1000"}
    system = exits.enter_context(KafkaConnect(stage, name="iceberg", plugins=["iceberg"], settings=flush))
    s3 = stage.stack.seaweedfs
    catalog = IcebergCatalog(s3)
    catalog.make_namespace()
    topics = Topics(stage.bootstrap_servers)
    keys: Config = {
        "s3.access-key-id": s3.access_key,
        "s3.secret-access-key": s3.secret_key,
        "rest.access-key-id": s3.access_key,
        "rest.secret-access-key": s3.secret_key,
    }
    options: Config = {
        "type": "rest",
        "uri": s3.iceberg_url,
        "warehouse": WAREHOUSE,
        "rest.sigv4-enabled": "true",
        "rest.signing-name": SIGNING_NAME,
        "rest.signing-region": s3.region,
        "client.region": s3.region,
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "s3.endpoint": s3.endpoint_url,
        "s3.path-style-access": "true",
        **keys,
    }

    def prepare(number: int) -> Transfer:
        name = f"rows_{number}"
        control = f"control-iceberg-{number}"
        topics.make(control, 1)
        config: Config = {
            "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
            "tasks.max": tasks,
            "topics": topic,
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "false",
            "iceberg.tables": f"{NAMESPACE}.{name}",
            "iceberg.tables.auto-create-enabled": "true",
            "iceberg.tables.auto-create-props.write.parquet.compression-codec": "zstd",
            "iceberg.control.topic": control,
            "iceberg.control.commit.interval-ms": _COMMIT_MS,
            **{f"iceberg.catalog.{key}": value for key, value in options.items()},
        }
        return Transfer({f"iceberg-{number}": config}, rows, lambda: catalog.rows(name), lambda: catalog.rows(name))

    return Side(system, f"Iceberg sink, JSON to Parquet with zstd, a commit every {_COMMIT_MS // 1000} s", prepare)
