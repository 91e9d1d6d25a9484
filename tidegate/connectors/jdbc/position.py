"""Positions in a table: what an offset holds, and how a page's end becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tidegate.connectors.jdbc.wall_clock import over
from tidegate.errors import FatalError

Moment = datetime | date | str
"""A timestamp as the database compares it: text in SQLite, which has no type for it, and outside years 1 to 9999."""

_BEFORE_CHRIST = " BC"
_LIMITS = ("-infinity", "infinity")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Position:
    """After which row to go on.

    Args:
        incrementing: value of the incrementing column.
        timestamp: value of the timestamp column.
    """

    incrementing: int | None = None
    timestamp: Moment | None = None

    def to_offset(self) -> dict[str, Any]:
        """As a source offset; timestamps with microseconds, for less would read rows twice."""
        offset: dict[str, Any] = {}
        if self.timestamp is not None:
            offset["timestamp"] = moment_text(self.timestamp)
        if self.incrementing is not None:
            # JSON's readers know integers of 64 bits.
            fits = abs(self.incrementing) < 2**63
            offset["incrementing"] = self.incrementing if fits else str(self.incrementing)
        return offset


def position_from(
    offset: Mapping[str, Any] | None, zone: tzinfo, type_: pa.DataType | None, *, as_text: bool
) -> Position:
    """The position of a source offset.

    Args:
        offset: as :meth:`Position.to_offset` gave it, or a person wrote it, or Confluent's connector: ``timestamp`` in
            milliseconds since 1970, and the nanoseconds of that second in ``timestamp_nanos``.
        zone: of timestamps that have none.
        type_: of the timestamp column; None in mode incrementing.
        as_text: the database keeps timestamps as text.

    Raises:
        FatalError: the offset is malformed.
    """
    if not offset:
        return Position()
    try:
        number = offset.get("incrementing")
        moment = offset.get("timestamp")
        found: Moment | None = None
        if type_ is not None and isinstance(moment, int):
            found = comparable(_confluents(moment, offset.get("timestamp_nanos")), zone, type_, as_text=as_text)
        elif type_ is not None and moment is not None:
            found = _moment(str(moment), zone, type_, as_text)
        return Position(None if number is None else int(number), found)
    except (TypeError, ValueError, OverflowError) as error:
        raise FatalError(
            f"The stored offset {dict(offset)} is malformed: {error}.",
            remedy='Alter it to {"incrementing": 1} or {"timestamp": "2026-01-31T00:00:00.000000Z"}, or reset it.',
        ) from error


def comparable(moment: datetime, zone: tzinfo, type_: pa.DataType, *, as_text: bool) -> Moment:
    """A point in time as the timestamp column has it; without time zone, what is over by then (:func:`over`).

    Args:
        moment: with time zone.
        zone: what columns without time zone are meant in.
        type_: of the column.
        as_text: the database keeps timestamps as text.
    """
    if as_text:
        # A whole second has no fraction, as SQLite's CURRENT_TIMESTAMP: texts are compared by the letter.
        return over(moment, zone).isoformat(" ")
    if pa.types.is_date(type_):
        return over(moment, zone).date()
    return moment.astimezone(UTC) if type_.tz else over(moment, zone)


def moment_text(moment: Moment) -> str:
    """A timestamp as text that keeps its microseconds."""
    if isinstance(moment, str):
        return moment
    if not isinstance(moment, datetime):
        return moment.isoformat()
    if moment.tzinfo is None:
        return moment.isoformat(timespec="microseconds")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def moment_order(moment: Moment | None) -> tuple[int, Any]:
    """A key that sorts the timestamps of one column, those that are text among them; None comes first."""
    if moment is None:
        return 0, ""
    if not isinstance(moment, str):
        return 3, moment
    if moment in _LIMITS:
        return (1, "") if moment == _LIMITS[0] else (5, "")
    year, _, rest = moment.partition("-")
    return (2, (-int(year), rest)) if moment.endswith(_BEFORE_CHRIST) else (4, (int(year), rest))


def earlier(moment: Moment | None, distance: timedelta) -> Moment | None:
    """A timestamp so long before another; None, before all, where that can not be told."""
    if moment is None or isinstance(moment, str):
        return None
    try:
        # A day is not over when its first millisecond is.
        return moment - distance if isinstance(moment, datetime) else moment - distance - timedelta(days=1)
    except OverflowError:
        return None


def whole(value: Any) -> int:
    """Value of an incrementing column.

    Raises:
        FatalError: it is not a whole number.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, (Decimal, float)) and value == int(value):
        return int(value)
    raise FatalError(f"The incrementing column holds {value!r}, which is not a whole number.")


def _confluents(millis: int, nanos: Any) -> datetime:
    """Of a point in time, milliseconds and, more exactly, the nanoseconds of its second."""
    seconds, rest = divmod(millis, 1000)
    micros = rest * 1000 if nanos is None else int(nanos) // 1000
    return _EPOCH + timedelta(seconds=seconds, microseconds=micros)


def _moment(text: str, zone: tzinfo, type_: pa.DataType, as_text: bool) -> Moment:
    if as_text or text in _LIMITS or text.endswith(_BEFORE_CHRIST):
        return text
    if pa.types.is_date(type_):
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text)
    if type_.tz:
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment
