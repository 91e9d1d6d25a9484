"""The task of the Iceberg sink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tidegate.errors import FatalError
from tidegate.records.envelope import Batch, SinkOffset, TopicPartition
from tidegate.sdk.config_def import Config
from tidegate.sdk.sink import SinkContext, SinkTask

if TYPE_CHECKING:
    from tidegate.connectors.iceberg.record_writer import RecordWriter


class IcebergSinkTask(SinkTask):
    """Writes topic partitions to Iceberg tables; :class:`RecordWriter` does it.

    PyIceberg is loaded only here: it costs a second and tens of megabytes, which tasks of other connectors, that load
    every plugin to find theirs, must not pay.
    """

    writer: RecordWriter | None = None

    def start(self, config: Config, context: SinkContext) -> None:
        try:
            from tidegate.connectors.iceberg.record_writer import RecordWriter
        except ImportError as error:
            raise FatalError(
                f"The worker lacks what the Iceberg sink needs: {error}.", remedy="pip install 'tidegate[iceberg]'"
            ) from error
        self.writer = RecordWriter(config, context)

    def put(self, batch: Batch) -> None:
        assert self.writer is not None
        self.writer.put(batch)

    def commit_due(self) -> bool:
        assert self.writer is not None
        return self.writer.commit_due()

    def pre_commit(
        self, positions: Mapping[TopicPartition, int], *, closing: bool = False
    ) -> Mapping[TopicPartition, SinkOffset]:
        assert self.writer is not None
        return self.writer.pre_commit(positions, closing=closing)

    def stop(self) -> None:
        if self.writer is not None:
            self.writer.stop()
