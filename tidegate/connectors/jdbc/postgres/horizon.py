"""The horizon of transactions: which rows of PostgreSQL were written by transactions of which none runs any more.

Every row has in its system column ``xmin`` the transaction that wrote it, without the epoch: the lower 32 bits of a
number of 64. A snapshot tells the oldest transaction that is still running: all before it have ended for good, and what
they have left is visible to whoever looks from then on (https://www.postgresql.org/docs/current/functions-info.html,
"Transaction ID and Snapshot Information Functions").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql import ColumnElement

from tidegate.errors import FatalError

_HORIZON = (
    "SELECT pg_snapshot_xmin(s)::text::int8, pg_snapshot_xmax(s)::text::int8 FROM (SELECT pg_current_snapshot() AS s) t"
)
_END = "(SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8)"
_EPOCH = 2**32
_MIN_VERSION = 130000


@dataclass(frozen=True, slots=True)
class Window:
    """Rows by the transaction that wrote them.

    Args:
        start: the first transaction, with its epoch; None for all there ever were.
        end: the first one no more, of which and of all before none runs any more.
    """

    start: int | None
    end: int

    def condition(self) -> ColumnElement[Any]:
        """What rows of the window meet, by the 32 bits that a row keeps of a transaction.

        With a start these are told from all others written within one epoch. Without one, those are left out that were
        written at the end or later, up to the statement's own snapshot.
        """
        if self.start is None:
            text = f"((xmin::text::int8 - {self.end}) & {_EPOCH - 1}) >= {_END} - {self.end}"
        else:
            text = f"((xmin::text::int8 - {self.start}) & {_EPOCH - 1}) < {self.end - self.start}"
        condition: ColumnElement[Any] = sa.literal_column(f"({text})", sa.Boolean())
        return condition


@dataclass(frozen=True, slots=True)
class Horizon:
    """What a snapshot tells of the transactions that write.

    Args:
        oldest: the oldest that still runs, or the next one to come.
        next: the first number that none had.
    """

    oldest: int
    next: int


def horizon(connection: Connection) -> Horizon:
    """The server's horizon at this moment.

    Raises:
        FatalError: the server is older than PostgreSQL 13 or something else.
    """
    version: int = connection.connection.driver_connection.info.server_version  # type: ignore[union-attr]
    if version < _MIN_VERSION:
        raise FatalError(
            f"The server is version {version // 10000} and tells no horizon of transactions.",
            remedy="Set transaction.horizon=false and a timestamp.delay.interval.ms.",
        )
    oldest, following = connection.exec_driver_sql(_HORIZON).one()
    return Horizon(oldest, following)


def next_window(after: int | None, now: int) -> Window | None:
    """The window after a horizon; None while no transaction has ended.

    Args:
        after: the horizon up to which all has been read.
        now: the horizon as it is.

    Raises:
        FatalError: the two are not of one server, or too far apart.
    """
    if after is None or after < now < after + _EPOCH:
        return Window(after, now)
    if after == now:
        return None
    if now < after:
        raise FatalError(
            f"The server is at transaction {now}, before the offset's horizon {after}: it is another one, or restored.",
            remedy="Stop the connector and alter the offset: without its horizon, reading goes on by its position.",
        )
    raise FatalError(
        f"The server is at transaction {now}, over 4 billion after the offset's horizon {after}.",
        remedy="Stop the connector and alter the offset: without its horizon, reading goes on by its position.",
    )
