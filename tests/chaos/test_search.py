"""A whole cluster that moves a ledger into OpenSearch, its tasks killed and paused past their lease."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.ledger import LedgerRow
from tests.chaos.pipeline import DEADLINE, Pipeline
from tests.chaos.task_processes import wait_ended
from tests.integration.connectors.search_index import SearchIndex
from tidegate.devstack import OpenSearch
from tidegate.devstack.cluster import LocalCluster


@pytest.fixture
def node(opensearch: OpenSearch) -> Iterator[SearchIndex]:
    index = SearchIndex(opensearch.url)
    yield index
    index.close()


class SearchPipeline(Pipeline):
    """A pipeline that ends in an index instead of the lake."""

    def __init__(self, cluster: LocalCluster, name: str, node: SearchIndex) -> None:
        super().__init__(cluster, name)
        self._node = node

    def _lake_count(self) -> int:
        return self._node.count(self._topic_name)

    def _lake_rows(self) -> list[LedgerRow]:
        return [LedgerRow(hit["_source"]["id"], hit["_source"]["note"]) for hit in self._node.hits(self._topic_name)]

    def _sink_config(self) -> dict[str, str]:
        return {
            "connector.class": "opensearch-sink",
            "tasks.max": "2",
            "topics": self._topic_name,
            "topic.metadata.refresh.interval.ms": "2000",
            "key.converter": "avro",
            "value.converter": "avro",
            "connection.url": self._node.url,
            "key.ignore": "true",
            "read.timeout.ms": "20000",
            "offset.flush.interval.ms": "500",
        }


@pytest.mark.apache_kafka
@pytest.mark.opensearch
def test_the_index_is_the_ledger_through_kills_and_zombies(cluster: LocalCluster, node: SearchIndex) -> None:
    with SearchPipeline(cluster, "search", node) as pipeline:
        for process in pipeline.task_processes(pipeline.sink):
            process.kill()
        pipeline.wait_flow()
        zombie = pipeline.holder(pipeline.sink)
        zombies = pipeline.task_processes(pipeline.sink, on=zombie)
        assert zombies
        zombie.process.pause(tree=True)
        pipeline.wait_running(pipeline.sink, not_on=[zombie])
        pipeline.wait_running(pipeline.source, not_on=[zombie])
        pipeline.wait_flow()
        zombie.process.resume()
        wait_ended(zombies, timeout=DEADLINE)
        pipeline.wait_flow()
        pipeline.verify()
