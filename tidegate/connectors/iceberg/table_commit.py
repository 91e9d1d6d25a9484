"""Commits changes to one table: all of them in one snapshot, each once, whoever else commits."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pyiceberg.catalog import Catalog
from pyiceberg.io import FileIO
from pyiceberg.table import Table, TableProperties

from tidegate.backoff import backoff
from tidegate.connectors.iceberg.catalog import iceberg_errors
from tidegate.connectors.iceberg.change import Change
from tidegate.connectors.iceberg.layout import Layout
from tidegate.connectors.iceberg.merge import Merged, merge
from tidegate.connectors.iceberg.one_attempt import OneAttempt
from tidegate.connectors.iceberg.position import (
    ControlLog,
    as_property,
    as_summary,
    grown,
    position,
    source_offsets,
)
from tidegate.errors import ConflictError, FatalError, NotFoundError
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_ATTEMPTS = 50
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0

Told = tuple[int, Change]
"""A change with its offset in the control topic."""


class TableCommitter:
    """Commits to the tables of a connector.

    It does not matter how many of these there are, nor whether one is a zombie: a commit holds only over the snapshot
    it was made for, and before each attempt the table tells up to where it has the control topic.

    Args:
        catalog: the catalog; used from one thread.
        control: the control topic.
        prefix: begins the names of data files.
        write_props: over the properties of tables.
        stopping: ends pauses.
    """

    def __init__(
        self,
        catalog: Catalog,
        control: ControlLog,
        prefix: str,
        write_props: dict[str, str],
        stopping: threading.Event,
    ) -> None:
        self._catalog = catalog
        self._control = control
        self._prefix = prefix
        self._write_props = write_props
        self._stopping = stopping

    def commit(self, name: str, told: Sequence[Told]) -> int:
        """Commits what the table does not have yet.

        Args:
            name: the table.
            told: changes in the order of the control topic.

        Returns:
            How many changes were committed by this call.

        Raises:
            FatalError: the table or a file of a change is gone.
            RetriableError: catalog or store are away.
        """
        for attempt in range(_ATTEMPTS):
            table = self._load(name)
            missing = [(offset, change) for offset, change in told if offset >= position(table, self._control)]
            if not missing:
                return 0
            try:
                self._attempt(table, missing)
            except ConflictError as error:
                log.info("iceberg_commit_conflict", table=name, attempt=attempt + 1, reason=error.message)
                self._stopping.wait(backoff(attempt + 1, _FIRST_PAUSE, _LONGEST_PAUSE))
            except NotFoundError as error:
                # Another committer may have been first, and have tidied up.
                if position(self._load(name), self._control) <= missing[0][0]:
                    raise FatalError(
                        f"Files that a task wrote for table {name} are gone: {error.message}",
                        remedy="Stop the connector, delete its control topic, set its offsets back to those in the "
                        "table's last snapshot summary, and start it.",
                    ) from error
            else:
                return len(missing)
        raise ConflictError(f"Table {name}: other writers were first {_ATTEMPTS} times.")

    def _load(self, name: str) -> Table:
        try:
            with iceberg_errors(f"load table {name}"):
                return self._catalog.load_table(name)
        except NotFoundError as error:
            raise FatalError(
                f"Table {name} is gone, and files wait to be committed to it.",
                remedy="Bring the table back; or stop the connector, delete its control topic, set its offsets back to "
                "where the new table shall begin, and start it.",
            ) from error

    def _attempt(self, table: Table, missing: Sequence[Told]) -> None:
        name = ".".join(table.name())
        changes = [change for _, change in missing]
        if any(change.table_uuid != str(table.metadata.table_uuid) for change in changes):
            raise FatalError(
                f"Table {name} was dropped and created anew while files for the old one waited to be committed.",
                remedy="Stop the connector, delete its control topic, set its offsets back to where the new table "
                "shall begin, and start it.",
            )
        merged = merge(table, Layout(table, self._prefix, self._write_props), changes)
        sources = source_offsets(table, self._control)
        for change in changes:
            sources = grown(sources, change.offsets)
        position_after = missing[-1][0] + 1
        transaction = OneAttempt(table)
        try:
            transaction.set_properties(as_property(self._control, position_after))
            stage(transaction, merged, as_summary(self._control, position_after, sources))
            transaction.commit_transaction()
        except ConflictError:
            delete_files(table.io, merged.written)
            raise
        log.info(
            "iceberg_committed",
            table=name,
            position=position_after,
            changes=len(changes),
            files=len(merged.added),
            replaced=len(merged.removed),
        )
        delete_files(table.io, merged.spent)


def stage(transaction: OneAttempt, merged: Merged, summary: dict[str, str]) -> None:
    """Puts one snapshot into a transaction.

    Raises:
        RetriableError: the store is away.
    """
    merging = transaction.table_metadata.properties.get(TableProperties.MANIFEST_MERGE_ENABLED, "").lower() == "true"
    update = transaction.update_snapshot(snapshot_properties=summary)
    with iceberg_errors("write a snapshot"):
        appending = update.merge_append() if merging else update.fast_append()
        producer: Any = update.overwrite() if merged.removed else appending
        with producer:
            for file in merged.added:
                producer.append_data_file(file)
            for file in merged.removed:
                producer.delete_data_file(file)


def delete_files(io: FileIO, locations: Sequence[str]) -> None:
    """Deletes files that nobody needs; one that stays is found by the clean command."""
    for location in locations:
        with suppress(OSError):
            io.delete(location)
