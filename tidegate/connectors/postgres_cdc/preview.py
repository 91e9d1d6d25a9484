"""First rows of the captured tables, without a slot or a publication: nothing is changed on the server."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from tidegate.connectors.postgres_cdc.catalogue import Catalogue
from tidegate.connectors.postgres_cdc.connection import Server
from tidegate.connectors.postgres_cdc.lsn import parse_lsn
from tidegate.connectors.postgres_cdc.position import Position
from tidegate.connectors.postgres_cdc.slot import MadeSlot
from tidegate.connectors.postgres_cdc.snapshot_reader import SnapshotReader
from tidegate.connectors.postgres_cdc.source_block import SourceBlocks
from tidegate.connectors.postgres_cdc.table_schema import schema_rules
from tidegate.records.envelope import SourceBatch
from tidegate.sdk.config_def import Config
from tidegate.sdk.source import SourceContext, SourceTask

_WAIT_SECONDS = 0.5


class PostgresPreviewTask(SourceTask):
    """Shows what a snapshot would give."""

    def __init__(self) -> None:
        self._catalogue: Catalogue | None = None
        self._snapshot: SnapshotReader | None = None

    def start(self, config: Config, context: SourceContext) -> None:
        self._context = context
        server = Server(config)
        self._catalogue = Catalogue(server)
        exporting = server.connect()
        try:
            exporting.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            row = exporting.execute("SELECT pg_export_snapshot(), pg_current_wal_lsn()::text").fetchone()
            assert row is not None
            made = MadeSlot(parse_lsn(row[1]), row[0])
            self._snapshot = SnapshotReader(
                server,
                self._catalogue,
                schema_rules(config),
                SourceBlocks(config["topic.prefix"], config["database.dbname"]),
                config=config,
                tables=self._catalogue.permanent(),
                made=made,
                base=Position(made.start),
            )
        except psycopg.Error as error:
            raise server.translate(error) from error
        finally:
            exporting.close()

    def poll(self) -> Sequence[SourceBatch]:
        step = self._snapshot.next() if self._snapshot is not None else None
        if step is None or step.batch is None:
            self._context.stopping.wait(_WAIT_SECONDS)
            return ()
        return [SourceBatch(step.batch, {}, None)]

    def stop(self) -> None:
        if self._snapshot is not None:
            self._snapshot.close()
        if self._catalogue is not None:
            self._catalogue.close()
