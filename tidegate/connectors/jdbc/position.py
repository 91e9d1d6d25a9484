"""Positions in a table: what an offset holds, and how a page's end becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tidegate.errors import FatalError

Moment = datetime | date | str
"""A timestamp as the database compares it: text in SQLite, which has no type for it, and outside years 1 to 9999."""

_BEFORE_CHRIST = " BC"
_LIMITS = ("-infinity", "infinity")


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
            offset["incrementing"] = self.incrementing
        return offset


def position_from(
    offset: Mapping[str, Any] | None, zone: tzinfo, type_: pa.DataType | None, *, as_text: bool
) -> Position:
    """The position of a source offset.

    Args:
        offset: as :meth:`Position.to_offset` gave it, or a person wrote it.
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
        return Position(
            None if number is None else int(number),
            None if moment is None or type_ is None else _moment(str(moment), zone, type_, as_text),
        )
    except (TypeError, ValueError) as error:
        raise FatalError(
            f"The stored offset {dict(offset)} is malformed: {error}.",
            remedy='Alter it to {"incrementing": 1} or {"timestamp": "2026-01-31T00:00:00.000000Z"}, or reset it.',
        ) from error


def comparable(moment: datetime, zone: tzinfo, type_: pa.DataType, *, as_text: bool) -> Moment:
    """A point in time as the timestamp column has it.

    Args:
        moment: with time zone.
        zone: what columns without time zone are meant in.
        type_: of the column.
        as_text: the database keeps timestamps as text.
    """
    if as_text:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S.%f")
    if pa.types.is_date(type_):
        return moment.astimezone(zone).date()
    return moment.astimezone(UTC) if type_.tz else moment.astimezone(zone).replace(tzinfo=None)


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


def _moment(text: str, zone: tzinfo, type_: pa.DataType, as_text: bool) -> Moment:
    if as_text or text in _LIMITS or text.endswith(_BEFORE_CHRIST):
        return text
    if pa.types.is_date(type_):
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text)
    if type_.tz:
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment
