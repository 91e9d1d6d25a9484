"""Kafka to an index in OpenSearch, beside a loop around the official client's bulk helper."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.cases.sink_beside_peer import AVRO, Peer, SinkCase
from benchmarks.data.search_index import SearchIndex
from benchmarks.data.topics import Topics
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

_JSON = "rows-json"


def run(settings: Settings) -> list[Comparison]:
    """A comparison for each data set and number of tasks."""
    peer = Peer("bulk-loop", _JSON, Topics.fill_json, _loop)
    case = SinkCase(NAME, "OpenSearch", rows=ROWS, data=DATA, component="opensearch", tidegate=_tidegate, peer=peer)
    return case.run(settings)


def _tidegate(system: Tidegate, stage: Stage, rows: int, tasks: int) -> Side:
    url = stage.stack.opensearch.url

    def prepare(number: int) -> Transfer:
        name = f"tidegate_{number}"
        config: Config = {
            "connector.class": "opensearch-sink",
            "topics": AVRO,
            "value.converter": "avro",
            "connection.url": url,
            "key.ignore": "true",
            "index.name.format": name,
        }
        return _transfer(url, name, config, rows, tasks)

    return Side(system, "opensearch-sink, Avro, bulk requests, ids from positions: each record once", prepare)


def _loop(exits: ExitStack, stage: Stage, topic: str, rows: int, tasks: int) -> Side:
    system = exits.enter_context(BulkLoop(stage))

    def prepare(number: int) -> Transfer:
        name = f"loop_{number}"
        return _transfer(stage.stack.opensearch.url, name, {"topic": topic, "index": name}, rows, tasks)

    return Side(
        system, "confluent-kafka and opensearch-py's bulk helper, JSON objects as they are: at least once", prepare
    )


def _transfer(url: str, name: str, config: Config, rows: int, tasks: int) -> Transfer:
    index = SearchIndex(url, name)
    return Transfer({name: {**config, "tasks.max": tasks}}, rows, index.written, index.count, index.drop)
