"""Reading by windows of ended transactions, so that rows which are committed late are not lost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tidegate.connectors.jdbc.columns import Columns
from tidegate.connectors.jdbc.position import Position
from tidegate.connectors.jdbc.position_reader import PositionReader
from tidegate.connectors.jdbc.postgres.horizon import Horizon, Window, horizon, next_window
from tidegate.connectors.jdbc.reader import Page, Reader
from tidegate.connectors.jdbc.rows import DriverRows
from tidegate.errors import FatalError
from tidegate.sdk.config_def import Config
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_HELD_SECONDS = 60.0
_IDLE_TRANSACTIONS = 100_000_000


class HorizonReader(Reader):
    """Reads each row once, in the window of transactions that its own belongs to.

    A window begins where the last one ended, and ends before the oldest transaction that is running when it is opened:
    what its transactions have written is complete. Within a window rows come in the order of the reader that is given.

    The offset is the greatest position read, as in the mode without windows, and ``horizon``, up to which all is read;
    in the middle of a window also the window's end ``until`` and how far it is read, ``at``.

    Args:
        inner: reads rows in order; its position is that of the offset.
        config: the connector's configuration.
        offset: where to go on; None at the first start.
    """

    def __init__(self, inner: PositionReader, config: Config, offset: Mapping[str, Any] | None) -> None:
        self.relation = inner.relation
        self._inner = inner
        self._lookback: int = config["transaction.horizon.lookback"]
        self._greatest = inner.position
        inner.waits = False
        after, until, at = _stored(offset or {})
        self._committed = after
        self._after = after
        self._window: Window | None = None
        self._held_since = time.monotonic()
        if until is not None:
            self._open(Window(after, until))
            inner.position = inner.restored(at)

    def next_page(self) -> Page | None:
        if self._window is None:
            with self._inner.database.connection() as connection:
                now = horizon(connection)
            window = next_window(self._after, now.oldest)
            self._tell_if_held(now)
            if window is None:
                return None
            self._open(window)
        window = self._window
        assert window is not None
        page = self._inner.next_page()
        if page is None or not page.more:
            self._after = window.end
            self._window = None
        if page is None:
            return self._idle()
        self._greatest = self._inner.greater(self._greatest, self._inner.position)
        self._committed = window.start if self._window is not None else window.end
        return Page(page.rows, page.columns, self._offset(), page.more)

    def reread(self, columns: Columns) -> Columns:
        return self._inner.reread(columns)

    def close(self) -> None:
        self._inner.close()

    def _tell_if_held(self, now: Horizon) -> None:
        """Says now and then that a transaction holds rows back, for nobody sees what does not come."""
        if now.oldest != self._after or now.oldest == now.next:
            self._held_since = time.monotonic()
        elif time.monotonic() - self._held_since >= _HELD_SECONDS:
            self._held_since = time.monotonic()
            log.warning(
                "jdbc.horizon_held",
                table=self.relation.name,
                transaction=now.oldest,
                remedy=f"Look in pg_stat_activity and pg_prepared_xacts for backend_xid {now.oldest % 2**32}.",
            )

    def _open(self, window: Window) -> None:
        self._window = window
        self._inner.only = window.condition()
        if window.start is not None:
            looked_from = self._inner.before(self._greatest, self._lookback) if self._lookback >= 0 else Position()
            self._inner.position = looked_from

    def _offset(self) -> dict[str, Any]:
        offset = self._greatest.to_offset()
        if self._window is None:
            return {**offset, "horizon": self._after}
        inside = {"until": self._window.end, "at": self._inner.position.to_offset()}
        return {**offset, **({} if self._window.start is None else {"horizon": self._window.start}), **inside}

    def _idle(self) -> Page | None:
        """A page without rows, now and then: rows can be told apart for 4 billion transactions after an offset."""
        if self._after is None or self._after - (self._committed or 0) < _IDLE_TRANSACTIONS:
            return None
        self._committed = self._after
        return Page(DriverRows(()), self._inner.columns(), self._offset(), more=False)


def _stored(offset: Mapping[str, Any]) -> tuple[int | None, int | None, Mapping[str, Any]]:
    try:
        after, until, at = offset.get("horizon"), offset.get("until"), offset.get("at")
        return None if after is None else int(after), None if until is None else int(until), dict(at or {})
    except (TypeError, ValueError) as error:
        raise FatalError(
            f"The stored offset {dict(offset)} is malformed: {error}.",
            remedy='Alter it to {"incrementing": 1, "horizon": 1234} or {"incrementing": 1}, or reset it.',
        ) from error
