"""A ledger on its way: table -> JDBC source -> topic -> S3 sink -> Parquet, and the comparison at its end."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import itemgetter
from types import TracebackType
from typing import Any, Self

import psutil

from tests.chaos.comparison import differences
from tests.chaos.ledger import Ledger, LedgerRow, ledger_row
from tests.chaos.task_processes import task_processes, wait_ended
from tests.chaos.topic import Topic
from tests.support.eventually import eventually
from tidegate.cli.rest_client import RestClient
from tidegate.demo.lake import Lake
from tidegate.devstack.cluster import BUCKET, LocalCluster
from tidegate.devstack.service_process import ServiceProcess
from tidegate.errors import NotFoundError

DEADLINE = 120.0
_PARTITIONS = 4
_PREFIX = "chaos."


class Pipeline:
    """A ledger being written, a source and a sink moving it.

    Args:
        cluster: runs it.
        name: distinguishes its table, topic and connectors from others'.
        sink_tasks: ``tasks.max`` of the sink.
    """

    def __init__(self, cluster: LocalCluster, name: str, *, sink_tasks: int = 2) -> None:
        self.cluster = cluster
        self.source = f"{name}-source"
        self.sink = f"{name}-sink"
        self.ledger = Ledger(cluster.database_url, f"ledger_{name}")
        self._topic_name = f"{_PREFIX}{self.ledger.table}"
        self._sink_tasks = sink_tasks
        s3 = cluster.stack.seaweedfs
        self._lake = Lake(s3.endpoint_url, s3.access_key, s3.secret_key, BUCKET, s3.region)

    def __enter__(self) -> Self:
        self.ledger.__enter__()
        try:
            with ThreadPoolExecutor(2) as pool:
                configs = {self.source: self._source_config(), self.sink: self._sink_config()}
                list(pool.map(self._put_config, configs.keys(), configs.values()))
            self.wait_flow()
        except BaseException:
            self.ledger.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ledger.stop()

    def wait_flow(self) -> None:
        """Wait until rows that are not in the lake yet, nor in the table, have come through."""
        wanted = max(self.ledger.count, self._lake_count()) + 1
        eventually(
            lambda: self._lake_count() >= wanted, timeout=DEADLINE, message=f"rows of {self.ledger.table} in the lake"
        )

    def wait_running(self, connector: str, *, not_on: Collection[ServiceProcess] = ()) -> list[ServiceProcess]:
        """Wait until all tasks of a connector run, and return their workers by task.

        Args:
            connector: its name.
            not_on: workers that do not count: dead or paused.
        """
        excluded = {worker.name for worker in not_on}

        def workers() -> list[str]:
            tasks = sorted(self._call("GET", f"/connectors/{connector}/status")["tasks"], key=itemgetter("id"))
            run = all(task["state"] == "RUNNING" and task["worker_id"] not in excluded for task in tasks)
            return [task["worker_id"] for task in tasks] if run else []

        found = eventually(workers, timeout=DEADLINE, message=f"{connector} running")
        return [self.cluster.services[name] for name in found]

    def holder(self, connector: str) -> ServiceProcess:
        """The worker that runs task 0 of a connector."""
        return self.wait_running(connector)[0]

    def wait_written(self, rows: int) -> None:
        """Wait until the ledger has so many rows more than now."""
        wanted = self.ledger.count + rows
        eventually(lambda: self.ledger.count >= wanted, timeout=DEADLINE, message=f"{self.ledger.table} growing")

    def task_processes(self, connector: str, *, on: ServiceProcess | None = None) -> list[psutil.Process]:
        """The processes of a connector's tasks, on one worker or on whichever."""
        every = [service for service in self.cluster.services.values() if service.service == "worker"]
        workers = every if on is None else [on]
        return [process for worker in workers for process in task_processes(worker, connector)]

    def verify(self) -> None:
        """End the writing, let all rows arrive, remove the connectors, and compare ledger, topic and lake."""
        self.ledger.stop()
        count = eventually(lambda: len(self.ledger.rows()), timeout=DEADLINE, message="the ledger's table")
        topic = Topic(self.cluster.stack.bootstrap_servers, self.cluster.registry_urls, self._topic_name)
        eventually(
            lambda: self._lake_count() >= count, timeout=DEADLINE, message=f"{count} rows of {self.ledger.table}"
        )
        self._remove()
        ledger = self.ledger.rows()
        assert ledger == [ledger_row(number) for number in range(1, len(ledger) + 1)]
        assert len(ledger) >= self.ledger.count
        partitions = topic.rows()
        assert all(rows == sorted(set(rows)) for rows in partitions), "a partition of the topic is out of order"
        in_topic = differences(ledger, (row for rows in partitions for row in rows))
        in_lake = differences(ledger, self._lake_rows())
        assert not in_topic, f"the topic is not the ledger: {in_topic}"
        assert not in_lake, f"the lake is not the ledger: {in_lake}"

    def _remove(self) -> None:
        """Delete the connectors and wait for the end of their tasks, so that whatever comes late has come."""
        for connector in (self.source, self.sink):
            processes = self.task_processes(connector)
            eventually(partial(self._gone, connector), timeout=DEADLINE, message=f"{connector} deleted")
            wait_ended(processes, timeout=DEADLINE)

    def _gone(self, connector: str) -> bool:
        try:
            self._call("DELETE", f"/connectors/{connector}")
        except NotFoundError:
            return True
        return False

    def _lake_count(self) -> int:
        return self._lake.count(self._topic_name)

    def _lake_rows(self) -> list[LedgerRow]:
        tables = self._lake.read(self._topic_name, ["id", "note"])
        return [LedgerRow(row["id"], row["note"]) for table in tables for row in table.to_pylist()]

    def _put_config(self, connector: str, config: dict[str, str]) -> None:
        eventually(
            lambda: self._call("PUT", f"/connectors/{connector}/config", config),
            timeout=DEADLINE,
            message=f"{connector} deployed",
        )

    def _call(self, method: str, path: str, json: Any = None) -> Any:
        with RestClient(",".join(self.cluster.coordinator_urls), timeout=20) as client:
            return client.call(method, path, json=json)

    def _source_config(self) -> dict[str, str]:
        return {
            "connector.class": "jdbc-source",
            "tasks.max": "1",
            "connection.url": "${env:DATABASE_URL}",
            "connection.user": "${env:DATABASE_USER}",
            "connection.password": "${env:DATABASE_PASSWORD}",
            "table.include.list": self.ledger.table,
            "mode": "incrementing",
            "incrementing.column.name": "id",
            "message.key.columns": "id",
            "poll.interval.ms": "100",
            "batch.max.rows": "50",
            "topic.prefix": _PREFIX,
            "topic.creation.default.partitions": str(_PARTITIONS),
            "topic.creation.default.replication.factor": "1",
            "key.converter": "avro",
            "value.converter": "avro",
        }

    def _sink_config(self) -> dict[str, str]:
        return {
            "connector.class": "s3-sink",
            "tasks.max": str(self._sink_tasks),
            "topics": self._topic_name,
            "topic.metadata.refresh.interval.ms": "2000",
            "key.converter": "avro",
            "value.converter": "avro",
            "store.url": "${env:LAKE_ENDPOINT}",
            "s3.bucket.name": "${env:LAKE_BUCKET}",
            "aws.access.key.id": "${env:LAKE_ACCESS_KEY_ID}",
            "aws.secret.access.key": "${env:LAKE_SECRET_ACCESS_KEY}",
            "flush.size": "60",
            "rotate.schedule.interval.ms": "1000",
        }
