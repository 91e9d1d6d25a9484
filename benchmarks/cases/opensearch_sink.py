"""Kafka to an index in OpenSearch, beside a loop around the official client's bulk helper."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.comparing import compared
from benchmarks.data.search_index import SearchIndex
from benchmarks.data.tables import table
from benchmarks.data.topics import PARTITIONS, Topics
from benchmarks.result import Comparison
from benchmarks.settings import Settings
from benchmarks.stage import Stage
from benchmarks.systems.bulk_loop import BulkLoop
from benchmarks.systems.connectors import Config
from benchmarks.systems.tidegate import Tidegate
from benchmarks.transfer import Side, Transfer

NAME = "opensearch-sink"
ROWS = 100_000
DATA = ("orders",)

_AVRO = "rows-avro"
_JSON = "rows-json"


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each data set and number of tasks."""
    every = settings.data or DATA
    return [_run(settings, data, tasks) for data in every for tasks in settings.tasks or (1,)]


def _run(settings: Settings, data: str, tasks: int) -> Comparison:
    rows = settings.rows or ROWS
    with ExitStack() as exits:
        stage = exits.enter_context(Stage(["opensearch"]))
        topics = Topics(stage.bootstrap_servers)
        sides = []
        if settings.wants("tidegate"):
            tidegate = exits.enter_context(Tidegate(stage))
            topics.make(_AVRO)
            topics.fill_avro(_AVRO, table(data, rows), [tidegate.registry.addresses["grpc"]])
            sides.append(_tidegate(tidegate, stage, rows, tasks))
        if settings.wants("bulk-loop"):
            topics.make(_JSON)
            topics.fill_json(_JSON, table(data, rows))
            sides.append(_loop(exits.enter_context(BulkLoop(stage)), stage, rows, tasks))
        title = f"{rows:,} rows of {data} from Kafka to OpenSearch, {PARTITIONS} partitions, {tasks} task(s)"
        return compared(NAME, title, sides, settings, stage)


def _tidegate(system: Tidegate, stage: Stage, rows: int, tasks: int) -> Side:
    url = stage.stack.opensearch.url

    def prepare(number: int) -> Transfer:
        name = f"tidegate_{number}"
        config: Config = {
            "connector.class": "opensearch-sink",
            "topics": _AVRO,
            "value.converter": "avro",
            "connection.url": url,
            "key.ignore": "true",
            "index.name.format": name,
        }
        return _transfer(url, name, config, rows, tasks)

    return Side(system, "opensearch-sink, Avro, bulk requests, ids from positions: each record once", prepare)


def _loop(system: BulkLoop, stage: Stage, rows: int, tasks: int) -> Side:
    def prepare(number: int) -> Transfer:
        name = f"loop_{number}"
        return _transfer(stage.stack.opensearch.url, name, {"topic": _JSON, "index": name}, rows, tasks)

    return Side(
        system, "confluent-kafka and opensearch-py's bulk helper, JSON objects as they are: at least once", prepare
    )


def _transfer(url: str, name: str, config: Config, rows: int, tasks: int) -> Transfer:
    index = SearchIndex(url, name)
    return Transfer({name: {**config, "tasks.max": tasks}}, rows, index.written, index.count, index.drop)
