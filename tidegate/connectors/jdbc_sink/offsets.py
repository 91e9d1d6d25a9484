"""The positions that are stored in the database, in the transaction of the rows before them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson
import sqlalchemy as sa

from tidegate.connectors.jdbc_sink.dialect import Dialect
from tidegate.connectors.jdbc_sink.session import Session
from tidegate.connectors.jdbc_sink.table_id import TableId
from tidegate.errors import FencedError
from tidegate.records.envelope import TopicPartition
from tidegate.records.reason import Reason, Rule

OFFSETS = TableId("tidegate_offsets")
HALTED = TableId("tidegate_halted")
_COLUMNS = ("connector", "topic", "partition", "next_offset", "epoch", "committed_offset")


@dataclass(frozen=True, slots=True)
class Position:
    """What the database knows of a topic partition.

    Args:
        next_offset: all records before it are in their tables, or halted.
        committed: what was last known to be committed in Kafka; None if nothing.
    """

    next_offset: int
    committed: int | None = None


class OffsetStore:
    """Positions of one connector, written under one epoch.

    ``tidegate_offsets`` holds for each topic partition the next offset and the epoch of its holder. A holder moves an
    offset only if epoch and offset are what it left there, so one that has been replaced can not. ``tidegate_halted``
    holds halted records between the commit in the database and the one in Kafka, which sends them to the dead letter
    queue: a successor that reads them again knows them by it.

    Args:
        dialect: the database's.
        connector: the connector's name.
        epoch: the holder's.
    """

    def __init__(self, dialect: Dialect, connector: str, epoch: int) -> None:
        self._dialect = dialect
        self._connector = connector
        self._epoch = epoch
        self._offsets = dialect.table(OFFSETS)
        self._halted = dialect.table(HALTED)
        mark = dialect.mark
        self._partition = dialect.name("partition")
        self._offset = dialect.name("offset")
        self._here = f"connector = {mark} AND topic = {mark} AND {self._partition} = {mark}"

    def statements(self) -> list[str]:
        """Those that make the two tables."""
        text = self._dialect.text_key
        place = f"connector {text} NOT NULL, topic {text} NOT NULL, {self._partition} INTEGER NOT NULL"
        options = self._dialect.table_options
        return [
            f"CREATE TABLE IF NOT EXISTS {self._offsets} ({place}, next_offset BIGINT NOT NULL, "
            f"epoch BIGINT NOT NULL, committed_offset BIGINT, "
            f"PRIMARY KEY (connector, topic, {self._partition})){options}",
            f"CREATE TABLE IF NOT EXISTS {self._halted} ({place}, {self._offset} BIGINT NOT NULL, "
            f"reason TEXT NOT NULL, PRIMARY KEY (connector, topic, {self._partition}, {self._offset})){options}",
        ]

    def make(self, session: Session) -> None:
        """Makes the tables where they are missing."""
        inspector = sa.inspect(session.connection)
        for table, statement in zip((OFFSETS, HALTED), self.statements(), strict=True):
            if inspector.has_table(table.name):
                continue
            try:
                session.run(statement)
            except Exception:
                # PostgreSQL refuses one of two that make it at once.
                if not sa.inspect(session.connection).has_table(table.name):
                    raise

    def claim(self, session: Session, where: TopicPartition, committed: int | None) -> Position | None:
        """Takes a topic partition over; from then on no earlier holder can write.

        Args:
            session: in a transaction.
            where: topic partition.
            committed: its offset in Kafka.

        Returns:
            What was known; None when this is its first holder.

        Raises:
            FencedError: a later holder has it.
        """
        query = (
            f"SELECT next_offset, epoch, committed_offset FROM {self._offsets} "
            f"WHERE {self._here}{self._dialect.for_update}"
        )
        found = session.rows(query, self._place(where))
        if not found:
            statement = self._dialect.insert_if_absent(OFFSETS, _COLUMNS)
            if session.run(statement, (*self._place(where), committed or 0, self._epoch, committed)) == 1:
                return None
            found = session.rows(query, self._place(where))
        mark = self._dialect.mark
        next_offset, epoch, known = found[0]
        if epoch > self._epoch:
            raise self._replaced(where, epoch)
        session.run(
            f"UPDATE {self._offsets} SET epoch = {mark} WHERE {self._here}",
            (self._epoch, *self._place(where)),
        )
        return Position(next_offset, known)

    def read(self, session: Session, where: TopicPartition) -> int:
        """The next offset, of a topic partition that has been claimed.

        Raises:
            FencedError: it has another holder by now.
        """
        found = session.rows(
            f"SELECT next_offset, epoch FROM {self._offsets} WHERE {self._here}",
            self._place(where),
        )
        if not found:
            raise FencedError(
                f"The position of {where.topic}-{where.partition} is gone from {OFFSETS}.",
                remedy="Restart the task: it goes on from the offsets committed in Kafka.",
            )
        next_offset, epoch = found[0]
        if epoch != self._epoch:
            raise self._replaced(where, epoch)
        return int(next_offset)

    def advance(self, session: Session, where: TopicPartition, before: int, after: int) -> None:
        """Moves the next offset; the row stays locked until the end of the transaction.

        Raises:
            FencedError: epoch or offset are not what this holder left.
        """
        mark = self._dialect.mark
        moved = session.run(
            f"UPDATE {self._offsets} SET next_offset = {mark} "
            f"WHERE {self._here} AND epoch = {mark} AND next_offset = {mark}",
            (after, *self._place(where), self._epoch, before),
        )
        if moved != 1:
            found = self.read(session, where)
            raise FencedError(
                f"{where.topic}-{where.partition} is at offset {found} in {OFFSETS}, and this task left it at "
                f"{before}: another one writes for connector {self._connector}."
            )

    def halt(self, session: Session, records: Iterable[tuple[TopicPartition, int, str]]) -> None:
        """Notes halted records: topic partition, offset, reason."""
        mark = self._dialect.mark
        rows = [(*self._place(where), offset, _stored(reason)) for where, offset, reason in records]
        if rows:
            session.run_many(
                f"INSERT INTO {self._halted} (connector, topic, {self._partition}, {self._offset}, reason) "
                f"VALUES ({mark}, {mark}, {mark}, {mark}, {mark})",
                rows,
            )

    def halted(self, session: Session, where: TopicPartition) -> dict[int, str]:
        """The halted records of a topic partition that may not be in the dead letter queue yet: offset to reason."""
        found = session.rows(
            f"SELECT {self._offset}, reason FROM {self._halted} WHERE {self._here}",
            self._place(where),
        )
        return {int(offset): _read(reason) for offset, reason in found}

    def committed(self, session: Session, offsets: Mapping[TopicPartition, int]) -> None:
        """Notes what is committed in Kafka, and forgets the halted records before it."""
        mark = self._dialect.mark
        for where, offset in sorted(offsets.items()):
            session.run(
                f"UPDATE {self._offsets} SET committed_offset = {mark} WHERE {self._here} AND epoch = {mark}",
                (offset, *self._place(where), self._epoch),
            )
            self.forget_halted(session, where, offset)

    def forget_halted(self, session: Session, where: TopicPartition, before: int) -> None:
        """Forgets halted records before an offset."""
        session.run(
            f"DELETE FROM {self._halted} WHERE {self._here} AND {self._offset} < {self._dialect.mark}",
            (*self._place(where), before),
        )

    def alter(self, session: Session, offsets: Mapping[TopicPartition, int] | None) -> None:
        """Sets positions of a connector that does not run; None forgets all."""
        mark = self._dialect.mark
        if offsets is None:
            for table in (self._offsets, self._halted):
                session.run(f"DELETE FROM {table} WHERE connector = {mark}", (self._connector,))
            return
        for where, offset in sorted(offsets.items()):
            session.run(
                f"UPDATE {self._offsets} SET next_offset = {mark}, committed_offset = {mark} WHERE {self._here}",
                (offset, offset, *self._place(where)),
            )
            session.run(f"DELETE FROM {self._halted} WHERE {self._here}", self._place(where))

    def _place(self, where: TopicPartition) -> tuple[str, str, int]:
        return self._connector, where.topic, where.partition

    def _replaced(self, where: TopicPartition, epoch: int) -> FencedError:
        return FencedError(
            f"{where.topic}-{where.partition} of connector {self._connector} is held by epoch {epoch} in {OFFSETS}, "
            f"this task has epoch {self._epoch}: another one has replaced it.",
            remedy="If there is none because the cluster's etcd was made anew, delete the connector's rows from "
            f"{OFFSETS} while it is stopped; it then goes on from the offsets committed in Kafka.",
        )


def _stored(reason: str) -> str:
    """A reason as text that keeps what it names for programs."""
    named = {"rule": reason.rule.value, "path": reason.path} if isinstance(reason, Reason) else {}
    return orjson.dumps({"sentence": str(reason), **named}).decode()


def _read(text: str) -> str:
    stored = orjson.loads(text)
    sentence: str = stored["sentence"]
    return Reason(sentence, Rule(stored["rule"]), stored["path"]) if "rule" in stored else sentence
