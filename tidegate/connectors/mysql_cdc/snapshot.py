"""Reading tables as they were at one place in the log, in the order of their keys, so that it can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidegate.connectors.cdc.snapshot_position import KeyText
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.mysql_cdc.catalogue import Catalogue, LogEnd
from tidegate.connectors.mysql_cdc.column_types import selected
from tidegate.connectors.mysql_cdc.columns import Column, TableDefinition
from tidegate.connectors.mysql_cdc.connection import Session
from tidegate.connectors.mysql_cdc.packets import PacketReader, Packets
from tidegate.connectors.postgres_values.cells import Bytes, Cells, Positions
from tidegate.errors import FatalError, RetriableError
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_QUERY = 0x03
_REPEATABLE_READ = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"
_BEGIN = "START TRANSACTION WITH CONSISTENT SNAPSHOT"
_SILENT_SECONDS = 300.0
_CHUNK_BYTES = 8 * 1024 * 1024
_END, _ERROR, _NULL = 0xFE, 0xFF, 0xFB
_LONGEST_END = 9

Lengths = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class TextRows:
    """Rows of a query as text.

    Args:
        data: the buffer.
        start: for each column, where the values begin.
        length: for each column, their lengths, -1 for null.
    """

    data: Bytes
    start: Sequence[Positions]
    length: Sequence[Lengths]

    def __len__(self) -> int:
        return len(self.start[0])

    def cells(self, column: int) -> Cells:
        """The values of a column."""
        return Cells(self.data, self.start[column], self.length[column])


class SnapshotSession:
    """A session that sees all tables as they were at one place in the log.

    Args:
        session: becomes the snapshot's own, also where this fails.
        locking: ``snapshot.locking.mode``: ``minimal``, ``extended`` or ``none``.
        lock_seconds: how long to wait for the lock, for which all who write have to wait meanwhile.

    Raises:
        TidegateError: the server is away, or refuses.
    """

    def __init__(self, session: Session, locking: str, *, lock_seconds: int) -> None:
        self.session = session
        self.sessions = [session]
        """All that see the tables so; the first is :attr:`session`."""
        self._locked = locking != "none"
        self._kept_locked = locking == "extended"
        try:
            self._begin(lock_seconds)
        except BaseException:
            session.close()
            raise

    def _begin(self, lock_seconds: int) -> None:
        session = self.session
        self.catalogue = Catalogue(session)
        session.run(f"SET SESSION lock_wait_timeout={lock_seconds}")
        session.run(_REPEATABLE_READ)
        if self._locked:
            try:
                session.run("FLUSH TABLES WITH READ LOCK")
            except FatalError as error:
                raise FatalError(
                    error.message,
                    remedy="Grant RELOAD to the user, or set snapshot.locking.mode=none, which on MariaDB is as exact "
                    "for tables of InnoDB.",
                ) from error
        session.run(_BEGIN)
        place = self.catalogue.snapshot_place() if self.catalogue.mariadb else None
        if place is None or self._locked:
            self.end = self.catalogue.log_end()
        else:
            self.end = LogEnd(*place, self.catalogue.gtids_at(*place))

    def unlock(self) -> None:
        """Lets others write again: place and schemas have been read."""
        if self._locked and not self._kept_locked:
            self.session.run("UNLOCK TABLES")

    def join(self, connect: Callable[[], Session], wanted: int) -> None:
        """Opens more sessions that see the same place, before :meth:`unlock`.

        Args:
            connect: gives a new session.
            wanted: how many; without a lock only those that happen to see the place are kept.

        Raises:
            TidegateError: the server is away, or refuses.
        """
        if not self._locked and not self.catalogue.mariadb:
            return
        for _ in range(wanted):
            session = connect()
            self.sessions.append(session)
            session.run(_REPEATABLE_READ)
            session.run(_BEGIN)
            if not self._locked and Catalogue(session).snapshot_place() != (self.end.file, self.end.pos):
                self.sessions.remove(session)
                session.close()
        if len(self.sessions) <= wanted:
            log.info("mysql_cdc.snapshot_sessions", wanted=wanted + 1, sessions=len(self.sessions))

    def close(self) -> None:
        """Ends the transactions and the connections."""
        for session in self.sessions:
            session.close()


class ChunkSession:
    """Reads parts of tables, each as it was at one place in the log.

    Tables of InnoDB on MariaDB are read in a consistent snapshot, whose place the server tells. Elsewhere writers of
    the one table wait while a part is read.

    Args:
        session: becomes its own, also where this fails.
        server: the server that the log is read from.
        lock_seconds: how long to wait for a lock.

    Raises:
        TidegateError: the server is away, or another one.
    """

    def __init__(self, session: Session, server: str, *, lock_seconds: int) -> None:
        self._session = session
        try:
            self._catalogue = Catalogue(session)
            if self._catalogue.server_id() != server:
                raise RetriableError(f"The {session.server.name} is not the one that the log is read from any more.")
            session.run(f"SET SESSION lock_wait_timeout={lock_seconds}")
            session.run(_REPEATABLE_READ)
        except BaseException:
            session.close()
            raise

    def chunk(
        self, definition: TableDefinition, key: Sequence[int], after: KeyText | None, rows: int, condition: str
    ) -> tuple[list[TextRows], LogEnd]:
        """The next rows of a table in the order of a key, and the place at which the table was so.

        Args:
            definition: of the table.
            key: places of the columns that order it.
            after: begins after this key.
            rows: most rows.
            condition: SQL that chooses rows; empty for all.

        Raises:
            TidegateError: the server is away, or refuses; the session can not be used any more.
        """
        session = self._session
        consistent = self._catalogue.mariadb and self._catalogue.is_transactional(definition.table)
        session.run(_BEGIN if consistent else f"LOCK TABLES {table_name(definition.table)} READ")
        place = self._catalogue.snapshot_place() if consistent else None
        end = self._catalogue.log_end() if place is None else LogEnd(*place, "")
        read = read_rows(
            session, definition, key, after, rows=rows, nbytes=_CHUNK_BYTES, condition=condition, limit=rows
        )
        found = list(read)
        session.run("COMMIT" if consistent else "UNLOCK TABLES")
        return found, end

    def close(self) -> None:
        """Closes the connection."""
        self._session.close()


def read_rows(
    session: Session,
    definition: TableDefinition,
    key: Sequence[int],
    after: KeyText | None,
    *,
    rows: int,
    nbytes: int,
    condition: str = "",
    limit: int = 0,
) -> Iterator[TextRows]:
    """The rows of a table, in batches.

    Args:
        session: reads them.
        definition: of the table.
        key: places of the columns that order it; none for any order.
        after: begins after this key.
        rows: most rows of a batch.
        nbytes: about the most bytes of a batch.
        condition: SQL that chooses rows; empty for all.
        limit: most rows in all; 0 for no limit.

    Raises:
        TidegateError: the server is away, or refuses.
    """
    query = _query(session, definition, key, after, condition, limit)
    reader = session.command(_QUERY, query.encode())
    result = _Result(session, reader, len(definition.columns))
    while True:
        found = result.take(rows, nbytes)
        if found is None:
            return
        yield found


def _query(
    session: Session,
    definition: TableDefinition,
    key: Sequence[int],
    after: KeyText | None,
    condition: str,
    limit: int,
) -> str:
    columns = ", ".join(selected(column, quoted(column.name)) for column in definition.columns)
    query = f"SELECT {columns} FROM {table_name(definition.table)}"  # noqa: S608
    ordered = [definition.columns[index] for index in key]
    conditions = [f"({condition})"] if condition else []
    if after is not None:
        conditions.append(f"({_after(session, ordered, after)})")
    if conditions:
        query += " WHERE " + " AND ".join(conditions)
    if ordered:
        query += " ORDER BY " + ", ".join(quoted(column.name) for column in ordered)
    return f"{query} LIMIT {limit}" if limit else query


def _after(session: Session, ordered: Sequence[Column], after: KeyText) -> str:
    # Comparing row with row would not use the index.
    parts = []
    for place in range(len(ordered)):
        equal = [
            f"{quoted(column.name)} = {key_literal(session, column, text)}"
            for column, text in zip(ordered[:place], after[:place], strict=True)
        ]
        column = ordered[place]
        parts.append(" AND ".join([*equal, f"{quoted(column.name)} > {key_literal(session, column, after[place])}"]))
    return " OR ".join(f"({part})" for part in parts)


class _Result:
    """The answer to one query."""

    def __init__(self, session: Session, reader: PacketReader, columns: int) -> None:
        self._session = session
        self._reader = reader
        self._columns = columns
        self._head = columns + 2
        self._ended = False
        self._waiting: tuple[Bytes, list[int], list[int]] | None = None

    def take(self, rows: int, nbytes: int) -> TextRows | None:
        """The next rows; None at the end."""
        while self._waiting is None:
            if self._ended:
                return None
            packets = self._reader.take(_SILENT_SECONDS, nbytes)
            if packets is None:
                raise RetriableError(
                    f"The {self._session.server.name} was silent for {_SILENT_SECONDS:.0f} s in a snapshot."
                )
            self._take_in(packets)
        data, start, size = self._waiting
        chosen = start[:rows]
        self._waiting = (data, start[rows:], size[rows:]) if len(start) > rows else None
        return _cut(data, np.array(chosen, np.int64), self._columns)

    def _take_in(self, packets: Packets) -> None:
        start, size = packets.start, packets.size
        first = packets.data[start[0]]
        if self._head == self._columns + 2 and first == _ERROR:
            raise self._session.refusal(bytes(packets.data[start[0] : start[0] + size[0]]))
        # Before the rows come their number of columns, what each is, and an end.
        head = min(self._head, len(start))
        self._head -= head
        start, size = start[head:], size[head:]
        if start and size[-1] < _LONGEST_END and packets.data[start[-1]] == _END:
            self._ended = True
            start, size = start[:-1], size[:-1]
        elif start and packets.data[start[-1]] == _ERROR:
            raise self._session.refusal(bytes(packets.data[start[-1] : start[-1] + size[-1]]))
        if start:
            self._waiting = (np.frombuffer(packets.data, np.uint8), start, size)


def _cut(data: Bytes, at: Positions, columns: int) -> TextRows:
    """Finds the values of rows: a length before each."""
    starts, lengths = [], []
    for _ in range(columns):
        first = data[at].astype(np.int64)
        size, width = first, np.ones(len(at), np.int64)
        null = first == _NULL
        long = first > _NULL
        if long.any():
            size, width = size.copy(), width.copy()
            for mark, taken in ((0xFC, 2), (0xFD, 3), (0xFE, 8)):
                some = np.flatnonzero(first == mark)
                found = np.zeros(len(some), np.int64)
                for byte in range(taken):
                    found |= data[at[some] + 1 + byte].astype(np.int64) << (8 * byte)
                size[some] = found
                width[some] = 1 + taken
        starts.append(at + width)
        lengths.append(np.where(null, -1, size).astype(np.int32))
        at = at + width + np.where(null, 0, size)
    return TextRows(data, starts, lengths)


def quoted(name: str) -> str:
    """A name as a statement has it."""
    return "`" + name.replace("`", "``") + "`"


def table_name(table: TableId) -> str:
    """A table's name as a statement has it."""
    return f"{quoted(table.schema)}.{quoted(table.table)}"


_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year", "float", "double", "bit"})


def key_literal(session: Session, column: Column, text: str) -> str:
    """A key's value as a statement compares it with its column.

    Args:
        session: knows how texts are written.
        column: the key's.
        text: the value as text; of bytes, in hexadecimal after ``0x``.
    """
    if column.type in _NUMBERS or (text.startswith("0x") and not column.is_text):
        return text
    return session.literal(text)
