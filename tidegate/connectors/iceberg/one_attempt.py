"""A transaction of one attempt: a conflict is told, not tried again over a table that has moved on."""

from __future__ import annotations

from pyiceberg.table import Table, Transaction
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.update import AssertRefSnapshotId, AssertTableUUID

from tidegate.connectors.iceberg.catalog import iceberg_errors
from tidegate.errors import ConflictError


class OneAttempt(Transaction):
    """A table's transaction that holds only while the table's main branch is where it was when it was loaded.

    PyIceberg's own transaction rebases an append over the snapshots of others and tries again. The snapshot of a
    predecessor or successor may hold the very same files, so here the caller looks at the table again first.

    Args:
        table: as just loaded.
    """

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        snapshot = table.metadata.current_snapshot()
        head = AssertRefSnapshotId.model_validate(
            {"type": "assert-ref-snapshot-id", "ref": MAIN_BRANCH, "snapshot-id": snapshot and snapshot.snapshot_id}
        )
        self._stage((), (head, AssertTableUUID(uuid=table.metadata.table_uuid)))

    def commit_transaction(self) -> Table:
        """Commits.

        Raises:
            ConflictError: another writer was first; what this one wrote of metadata is deleted.
            CommitUnknownError: it may have happened or not.
        """
        name = ".".join(self._table.name())
        try:
            with iceberg_errors(f"commit to table {name}"):
                self._table._do_commit(updates=self._updates, requirements=self._requirements)
        except ConflictError:
            for producer in self._snapshot_producers:
                producer._clean_all_uncommitted()
            raise
        return self._table
