"""Reading tables as they were at one place in the log, in the order of their keys, so that it can be resumed."""

from __future__ import annotations

import contextlib
import io
import select
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as csv
from psycopg import sql
from psycopg.pq import ExecStatus

from tidegate.connectors.cdc.snapshot_position import KeyText
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.postgres_cdc.connection import Server
from tidegate.connectors.postgres_cdc.relation import Relation
from tidegate.errors import RetriableError, TidegateError

_SILENT_SECONDS = 300.0
_CANCEL_SECONDS = 2.0
_BATCH_BYTES = 8 * 1024 * 1024
_SAMPLE_BYTES = 16 * 1024 * 1024
_STEP_MS = 500


@dataclass(frozen=True, slots=True)
class RowRange:
    """Some of a table's rows.

    Args:
        key: places of the columns that order them; none for any order.
        after: they begin after this key; None for the first one.
        end: they end with this key; None for the last one.
        first_block: of the table's file, for rows in no order.
        end_block: the block that is not theirs any more; None for all that come.
    """

    key: Sequence[int] = ()
    after: KeyText | None = None
    end: KeyText | None = None
    first_block: int = 0
    end_block: int | None = None


class _CopyConnection:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = server.connect(statement_timeout_ms=0)
        self._cancelled = threading.Event()

    @property
    def closed(self) -> bool:
        """Whether it can not be used any more."""
        return bool(self._connection.closed)

    def close(self) -> None:
        """Ends the transaction and the connection. No other thread may use it any more."""
        self._connection.close()

    def cancel(self) -> None:
        """Has another thread that waits for the server raise an error."""
        self._cancelled.set()
        with contextlib.suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=_CANCEL_SECONDS)

    def _query(self, relation: Relation, rows: RowRange, *, condition: str = "", limit: int = 0) -> str:
        names = [sql.Identifier(column.name) for column in relation.columns]
        ordered = sql.SQL(", ").join(names[index] for index in rows.key)
        query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(names), sql.Identifier(*relation.table))
        conditions: list[sql.Composable] = []
        for comparison, key in ((">", rows.after), ("<=", rows.end)):
            if key is not None:
                place = key_row([relation.columns[index].type_oid for index in rows.key], key, self._connection)
                conditions.append(sql.SQL("ROW({}) {} {}").format(ordered, sql.SQL(comparison), place))
        for comparison, block in ((">=", rows.first_block), ("<", rows.end_block)):
            if block:
                tid = sql.Literal(f"({block},0)")
                conditions.append(sql.SQL("ctid {} {}::tid").format(sql.SQL(comparison), tid))
        if condition:
            # As the user wrote it, who may read the table anyway.
            conditions.append(sql.SQL("(" + condition + ")"))
        if conditions:
            query += sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions))
        if rows.key:
            query += sql.SQL(" ORDER BY {}").format(ordered)
        if limit:
            query += sql.SQL(" LIMIT {}").format(sql.Literal(limit))
        return query.as_string(self._connection)

    def _copied(self, statement: str, columns: int, rows: int, nbytes: int) -> Iterator[pa.Table]:
        libpq = self._connection.pgconn
        libpq.send_query(statement.encode())
        result = self._result()
        if result is None or result.status != ExecStatus.COPY_OUT:
            raise self._failure(result)
        finished = False
        while not finished:
            data, count = bytearray(), 0
            while count < rows and len(data) < nbytes:
                size, message = libpq.get_copy_data(1)
                if size > 0:
                    data += message
                    count += 1
                elif size == 0:
                    self._wait()
                else:
                    finished = True
                    break
            if count:
                yield _parsed(data, columns)
        result = self._result()
        if result is None or result.status != ExecStatus.COMMAND_OK:
            raise self._failure(result)
        while self._result() is not None:
            pass

    def _result(self) -> Any:
        libpq = self._connection.pgconn
        while libpq.is_busy():
            self._wait()
        return libpq.get_result()

    def _wait(self) -> None:
        libpq = self._connection.pgconn
        poll = select.poll()
        poll.register(libpq.socket, select.POLLIN)
        until = time.monotonic() + _SILENT_SECONDS
        while not poll.poll(_STEP_MS):
            if self._cancelled.is_set() or time.monotonic() >= until:
                raise RetriableError(f"The {self._server.name} was silent for {_SILENT_SECONDS:.0f} s in a snapshot.")
        libpq.consume_input()

    def _failure(self, result: Any) -> TidegateError:
        if result is None:
            return RetriableError(f"The {self._server.name} ended a snapshot's COPY without a word.")
        return self._server.translate(psycopg.errors.error_from_result(result, "utf-8"))


class SnapshotConnection(_CopyConnection):
    """A connection that sees the database as an exported snapshot shows it.

    Args:
        server: where it is.
        snapshot: name of the exported snapshot.

    Raises:
        TidegateError: the server is away, or the snapshot is gone.
    """

    def __init__(self, server: Server, snapshot: str) -> None:
        super().__init__(server)
        try:
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        except psycopg.Error as error:
            self._connection.close()
            raise server.translate(error) from error

    def lock(self, table: TableId, *, wait: bool = True) -> None:
        """Keeps a table from being altered until the end.

        Args:
            table: it.
            wait: whether to wait for those who alter it.

        Raises:
            RetriableError: it is to be altered, and that is not waited for.
            TidegateError: the server refuses.
        """
        statement = "LOCK TABLE ONLY {} IN ACCESS SHARE MODE" + ("" if wait else " NOWAIT")
        try:
            self._connection.execute(sql.SQL(statement).format(sql.Identifier(*table)))
        except psycopg.errors.LockNotAvailable as error:
            # That statement waits for the snapshot's other connections, so waiting for it would never end.
            raise RetriableError(
                f"A statement waits to alter table {table.name}, of which the snapshot reads several ranges at once.",
                remedy="None is needed: the snapshot goes on after it.",
            ) from error
        except psycopg.Error as error:
            raise self._server.translate(error) from error

    def cuts(self, relation: Relation, key: Sequence[int], condition: str, *, parts: int, nbytes: int) -> list[KeyText]:
        """Keys that cut a table into about equal parts, as a sample of its blocks tells.

        Args:
            relation: the table.
            key: places of the columns of its primary key.
            condition: SQL that chooses rows; empty for all.
            parts: how many are wanted; there may be fewer.
            nbytes: the table's size.

        Raises:
            TidegateError: the server is away, or refuses.
        """
        names = [sql.Identifier(relation.columns[index].name) for index in key]
        aliases = [sql.Identifier(f"k{place}") for place in range(len(key))]
        pairs = zip(names, aliases, strict=True)
        query = sql.SQL(
            "SELECT DISTINCT ON (part) {texts} FROM (SELECT {keys}, ntile({parts}) OVER (ORDER BY {names}) AS part "
            "FROM {table} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (0){condition}) AS sample ORDER BY part, {last}"
        ).format(
            texts=sql.SQL(", ").join(sql.SQL("{}::text").format(alias) for alias in aliases),
            keys=sql.SQL(", ").join(sql.SQL("{} AS {}").format(name, alias) for name, alias in pairs),
            parts=sql.Literal(parts),
            names=sql.SQL(", ").join(names),
            table=sql.Identifier(*relation.table),
            percent=sql.Literal(min(100.0, 100.0 * _SAMPLE_BYTES / max(nbytes, 1))),
            condition=sql.SQL(f" WHERE ({condition})" if condition else ""),
            last=sql.SQL(", ").join(sql.SQL("{} DESC").format(alias) for alias in aliases),
        )
        try:
            return self._connection.execute(query).fetchall()[:-1]
        except psycopg.Error as error:
            raise self._server.translate(error) from error

    def tables(self, relation: Relation, wanted: RowRange, condition: str, rows: int) -> Iterator[pa.Table]:
        """The rows of a table as tables of text, in batches.

        Args:
            relation: the table.
            wanted: which rows.
            condition: SQL that chooses rows among them; empty for all.
            rows: most rows of a batch.

        Raises:
            TidegateError: the server is away, or refuses.
        """
        try:
            query = self._query(relation, wanted, condition=condition)
            yield from self._copied(f"COPY ({query}) TO STDOUT (FORMAT csv)", len(relation.columns), rows, _BATCH_BYTES)
        except psycopg.Error as error:
            raise self._server.translate(error) from error


class ChunkConnection(_CopyConnection):
    """A connection that reads chunks of tables, each in a snapshot of its own.

    Args:
        server: where it is.

    Raises:
        TidegateError: the server is away.
    """

    def chunk(
        self, relation: Relation, key: Sequence[int], after: KeyText | None, rows: int, condition: str
    ) -> tuple[pa.Table, str, str]:
        """The next rows of a table in the order of its key, as text.

        Args:
            relation: the table.
            key: places of the key's columns.
            after: begins after this key.
            rows: most rows.
            condition: SQL that chooses rows; empty for all.

        Returns:
            The rows, what their snapshot sees, and a place in the log after all that it sees.

        Raises:
            TidegateError: the server is away, or refuses.
        """
        try:
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            snapshot = self._connection.execute("SELECT pg_current_snapshot()::text").fetchone()
            query = self._query(relation, RowRange(key, after), condition=condition, limit=rows)
            statement = f"COPY ({query}) TO STDOUT (FORMAT csv)"
            found = list(self._copied(statement, len(relation.columns), rows, sys.maxsize))
            place = self._connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
            self._connection.execute("COMMIT")
        except psycopg.Error as error:
            raise self._server.translate(error) from error
        assert snapshot is not None and place is not None
        empty = pa.table({str(index): pa.array([], pa.string()) for index in range(len(relation.columns))})
        return (found[0] if found else empty), snapshot[0], place[0]


def key_row(type_oids: Sequence[int], key: KeyText, context: Any) -> sql.Composed:
    """A key as an expression that compares as its columns do."""
    values = [
        sql.SQL("{}::{}").format(sql.Literal(text), sql.SQL(_type_name(oid, context)))
        for oid, text in zip(type_oids, key, strict=True)
    ]
    return sql.SQL("ROW({})").format(sql.SQL(", ").join(values))


def _type_name(oid: int, connection: psycopg.Connection[Any]) -> str:
    row = connection.execute("SELECT format_type(%s, NULL)", [oid]).fetchone()
    assert row is not None
    # Without its length char is char(1), which would cut values.
    return "bpchar" if row[0] == "character" else str(row[0])


def _parsed(data: bytearray, columns: int) -> pa.Table:
    names = [str(index) for index in range(columns)]
    return csv.read_csv(
        io.BytesIO(data),
        read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(data), 1)),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )
