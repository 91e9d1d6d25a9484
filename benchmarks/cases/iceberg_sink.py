"""Kafka to an Iceberg table in a REST catalog, beside Iceberg's own sink for Kafka Connect."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.cases.sink_beside_peer import AVRO, Peer, SinkCase
from benchmarks.data.iceberg_catalog import NAMESPACE, SIGNING_NAME, WAREHOUSE, IcebergCatalog
from benchmarks.data.topics import Topics
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

_JSON = "rows-json"
_COMMIT_MS = 5_000


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each data set and number of tasks."""
    peer = Peer("iceberg", _JSON, Topics.fill_json, connect_side)
    case = SinkCase(
        NAME, "an Iceberg table", rows=ROWS, data=DATA, component="seaweedfs", tidegate=_tidegate, peer=peer
    )
    return case.run(settings)


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
            "topics": AVRO,
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
