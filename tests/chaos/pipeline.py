"""A ledger on its way: table -> JDBC source -> topic -> S3 sink -> Parquet, and the comparison at its end."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import psutil

from tests.chaos.comparison import differences
from tests.chaos.ledger import Ledger, LedgerRow, ledger_row
from tests.chaos.task_processes import has_ended, task_processes
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
            self._put_config(self.source, self._source_config())
            self._put_config(self.sink, self._sink_config())
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

    def wait_running(self, connector: str, *, not_on: str | None = None) -> None:
        """Wait until all tasks of a connector run, none of them on a certain worker."""

        def runs() -> bool:
            tasks = self.status(connector)["tasks"]
            return bool(tasks) and all(task["state"] == "RUNNING" and task["worker_id"] != not_on for task in tasks)

        eventually(runs, timeout=DEADLINE, message=f"{connector} running")

    def status(self, connector: str) -> Any:
        """A connector's status document."""
        return self._call("GET", f"/connectors/{connector}/status")

    def holder(self, connector: str) -> ServiceProcess:
        """The worker that runs task 0 of a connector."""
        self.wait_running(connector)
        name = next(task["worker_id"] for task in self.status(connector)["tasks"] if task["id"] == 0)
        return self.cluster.services[name]

    def task_processes(self, connector: str) -> list[psutil.Process]:
        """The processes of a connector's tasks, on whichever worker."""
        workers = [service for service in self.cluster.services.values() if service.service == "worker"]
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
            eventually(lambda name=connector: self._gone(name), timeout=DEADLINE, message=f"{connector} deleted")  # type: ignore[misc]
            eventually(
                lambda ended=processes: all(has_ended(each) for each in ended),  # type: ignore[misc]
                timeout=DEADLINE,
                message=f"the tasks of {connector} ended",
            )

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
