"""The replication slot and the publication: looked at, made, dropped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from psycopg import sql

from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.postgres_cdc.catalogue import Catalogue
from tidegate.connectors.postgres_cdc.connection import Replication
from tidegate.connectors.postgres_cdc.lsn import lsn_text, parse_lsn
from tidegate.connectors.postgres_cdc.position import Position
from tidegate.errors import FatalError, RetriableError
from tidegate.sdk.config_def import Config
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_SLOT = """
SELECT plugin, slot_type, database, active_pid, confirmed_flush_lsn::text, wal_status, {reason}, {failover}
FROM pg_replication_slots WHERE slot_name = %s
"""
_LOG_END = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn()::text END"
_FAILOVER_SINCE = 170000
_CREATE_SECONDS = 600.0
_ALTER_SECONDS = 60.0
_STANDS_SECONDS = 3.0
_POLL_SECONDS = 0.2
_LOST_REMEDY = (
    "What changed since is gone from the server. Drop the slot (SELECT pg_drop_replication_slot('{name}')), reset the "
    "connector's offsets and start it again with snapshot.mode=initial, or set snapshot.mode=when_needed. To keep it "
    "from happening, raise max_slot_wal_keep_size and watch the lag; where standbys take over, set slot.failover=true."
)


@dataclass(frozen=True, slots=True)
class SlotState:
    """A slot as the server has it.

    Args:
        active_pid: the session that uses it; None for none.
        confirmed: the place in the log before which nothing is kept for it.
        lost: why nothing can be read from it any more; empty where it can.
        failover: whether standbys keep it in step.
    """

    active_pid: int | None
    confirmed: int
    lost: str
    failover: bool = False


@dataclass(frozen=True, slots=True)
class MadeSlot:
    """A slot that was just made.

    Args:
        start: it gives what was committed from this place in the log on.
        snapshot: name of the exported snapshot, which shows what was committed before.
    """

    start: int
    snapshot: str


class Slot:
    """The slot of a configuration.

    Args:
        catalogue: asks the server.
        config: the connector's.
        application: name of this connector's sessions.
    """

    def __init__(self, catalogue: Catalogue, config: Config, application: str) -> None:
        self._application = application
        self.name: str = config["slot.name"]
        self._catalogue = catalogue
        self._database: str = config["database.dbname"]
        self._failover: bool = config["slot.failover"]
        self._retries: int = config["slot.max.retries"]
        self._retry_seconds: float = config["slot.retry.delay.ms"] / 1000

    def state(self) -> SlotState | None:
        """The slot as it is now; None where there is none.

        Raises:
            FatalError: it is of another kind or another database.
        """
        # Older servers have neither.
        names = (
            ("invalidation_reason", "failover") if self._catalogue.version() >= _FAILOVER_SINCE else ("NULL", "false")
        )
        rows = self._catalogue.ask(_SLOT.format(reason=names[0], failover=names[1]), [self.name])
        if not rows:
            return None
        plugin, kind, database, pid, confirmed, status, reason, failover = rows[0]
        if kind != "logical" or plugin != "pgoutput" or database != self._database:
            raise FatalError(
                f"Replication slot {self.name} is a {kind} slot of plugin {plugin} in database {database}.",
                remedy="Set slot.name to a slot of plugin pgoutput in this database, or to a name that is free.",
            )
        lost = ""
        if status == "lost" or reason:
            lost = f"it was invalidated ({reason or 'its write-ahead log was removed'})"
        return SlotState(pid, parse_lsn(confirmed) if confirmed else 0, lost, bool(failover))

    def why_lost(self, state: SlotState | None, position: Position | None) -> str:
        """Why changes after a position can not be read from the slot any more; empty where they can.

        Nothing is confirmed to the server that is not kept in Kafka, so a slot that begins later is another one.

        Args:
            state: the slot.
            position: what is kept; None for nothing.

        Raises:
            TidegateError: the server can not be asked.
        """
        if state is None:
            return "it does not exist any more"
        if state.lost or position is None:
            return state.lost
        reached = lsn_text(position.done)
        if state.confirmed > position.done:
            return (
                f"it begins at {lsn_text(state.confirmed)}, and the connector has come to {reached}. It was dropped "
                "and made anew, or somebody else has read it or moved it on"
            )
        rows = self._catalogue.ask(_LOG_END)
        if rows and rows[0][0] is not None and parse_lsn(rows[0][0]) < position.lsn_commit:
            return (
                f"the server's log ends at {rows[0][0]}, before {reached}, to which the connector has come. It was "
                "restored from a backup, or is another server, or a standby that had not received everything"
            )
        return ""

    def lost_error(self, why: str) -> FatalError:
        """The error of a slot from which nothing can be read any more."""
        return FatalError(f"Replication slot {self.name} is lost: {why}.", remedy=_LOST_REMEDY.format(name=self.name))

    def make(self, replication: Replication, *, stopped: Callable[[], bool]) -> MadeSlot:
        """Makes the slot; its snapshot lives until the next command of that connection.

        Raises:
            TidegateError: the server refuses, or does not come to it in time.
        """
        self._check_failover()
        option = " (SNAPSHOT 'export', FAILOVER true)" if self._failover else " EXPORT_SNAPSHOT"
        log.info("postgres_cdc.slot_made", slot=self.name)
        return _made(replication, f'CREATE_REPLICATION_SLOT "{self.name}" LOGICAL pgoutput{option}', stopped)

    def keep_on_standbys(self, replication: Replication) -> None:
        """Has standbys keep the slot in step, where that is wanted and not so yet.

        Raises:
            TidegateError: the server refuses.
        """
        if not self._failover:
            return
        self._check_failover()
        state = self.state()
        if state is not None and not state.failover:
            replication.command(f'ALTER_REPLICATION_SLOT "{self.name}" (FAILOVER true)', deadline=_ALTER_SECONDS)

    def _check_failover(self) -> None:
        if self._failover and self._catalogue.version() < _FAILOVER_SINCE:
            raise FatalError(
                "slot.failover=true needs PostgreSQL 17 or newer.", remedy="Set slot.failover=false, or upgrade."
            )

    def passing(self, replication: Replication, *, stopped: Callable[[], bool]) -> MadeSlot:
        """Makes a slot that goes with its connection, for its snapshot alone."""
        name = f"{self.name[:40]}_snapshot_{int(time.time()) % 1_000_000}"
        return _made(
            replication, f'CREATE_REPLICATION_SLOT "{name}" TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT', stopped
        )

    def free(self, *, stopped: Callable[[float], bool]) -> None:
        """Waits until no session uses the slot; an earlier one of this connector that stands in the way is ended.

        The task that had it before is fenced by now, but its session may live on where a network was cut.

        Args:
            stopped: waits so many seconds, and tells whether to give up.

        Raises:
            RetriableError: somebody else uses it.
        """
        until = time.monotonic() + _STANDS_SECONDS
        last = time.monotonic() + max(self._retries * self._retry_seconds, _STANDS_SECONDS)
        while time.monotonic() < last:
            state = self.state()
            if state is None or state.active_pid is None:
                return
            if time.monotonic() >= until and self._is_ours(state.active_pid):
                log.warning("postgres_cdc.session_ended", slot=self.name, pid=state.active_pid)
                self._catalogue.ask("SELECT pg_terminate_backend(%s)", [state.active_pid])
                until = time.monotonic() + self._retry_seconds
            if stopped(_POLL_SECONDS):
                return
        raise RetriableError(
            f"Replication slot {self.name} is used by another session.",
            remedy="Each connector needs a slot of its own: set slot.name. Who uses it is told by active_pid in "
            "pg_replication_slots and by pg_stat_activity.",
        )

    def _is_ours(self, pid: int) -> bool:
        rows = self._catalogue.ask("SELECT application_name FROM pg_stat_activity WHERE pid = %s", [pid])
        return bool(rows) and rows[0][0] == self._application

    def drop(self) -> None:
        """Drops the slot if there is one.

        Raises:
            TidegateError: the server refuses.
        """
        if self.state() is not None:
            self._catalogue.ask("SELECT pg_drop_replication_slot(%s)", [self.name])
            log.info("postgres_cdc.slot_dropped", slot=self.name)


def _made(replication: Replication, command: str, stopped: Callable[[], bool]) -> MadeSlot:
    answer = replication.command(command, deadline=_CREATE_SECONDS, stopped=stopped)
    return MadeSlot(parse_lsn(answer[1] or ""), answer[2] or "")


def ensure_publication(catalogue: Catalogue, config: Config, captured: Callable[[TableId], bool]) -> None:
    """Makes the publication where it is missing, as ``publication.autocreate.mode`` says.

    Raises:
        FatalError: it is missing and is not to be made, or there is nothing to publish.
    """
    name, mode = config["publication.name"], config["publication.autocreate.mode"]
    found = catalogue.ask("SELECT puballtables FROM pg_publication WHERE pubname = %s", [name])
    if mode == "disabled" or (mode in ("all_tables", "no_tables") and found):
        if not found:
            raise FatalError(
                f"Publication {name} does not exist, and publication.autocreate.mode is disabled.",
                remedy=f"CREATE PUBLICATION {name} FOR TABLE ...; or set publication.autocreate.mode=filtered.",
            )
        return
    roots: bool = config["publish.via.partition.root"]
    option = sql.SQL(" WITH (publish_via_partition_root = true)") if roots else sql.SQL("")
    if mode == "all_tables":
        _run(catalogue, sql.SQL("CREATE PUBLICATION {} FOR ALL TABLES{}").format(sql.Identifier(name), option))
        return
    if mode == "no_tables":
        _run(catalogue, sql.SQL("CREATE PUBLICATION {}{}").format(sql.Identifier(name), option))
        return
    if found and found[0][0]:
        return
    wanted = [table for table in catalogue.tables(roots=roots) if captured(table)]
    if not wanted:
        raise FatalError(
            "No table is captured.", remedy="Check table.include.list and schema.include.list against the database."
        )
    published = {TableId(*row) for row in catalogue.ask(_LISTED, [name])}
    if found and published == set(wanted):
        return
    tables = _listed(wanted)
    if found:
        _run(catalogue, sql.SQL("ALTER PUBLICATION {} SET TABLE {}").format(sql.Identifier(name), tables))
    else:
        _run(catalogue, sql.SQL("CREATE PUBLICATION {} FOR TABLE {}{}").format(sql.Identifier(name), tables, option))


_LISTED = """
SELECT n.nspname, c.relname FROM pg_publication p
JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = %s
"""


def _listed(tables: Sequence[TableId]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*table) for table in tables)


def _run(catalogue: Catalogue, statement: sql.Composed) -> None:
    log.info("postgres_cdc.publication", statement=statement.as_string())
    catalogue.ask(statement.as_string())
