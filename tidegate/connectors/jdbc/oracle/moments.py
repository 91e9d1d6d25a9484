"""Points in time in Oracle's SQL.

The driver binds a ``datetime`` as DATE, which has no fractions of a second, and gives a TIMESTAMP WITH TIME ZONE as the
time on the wall of its own zone, which it leaves out. So times go to the database as text with their format, and such
columns are asked for in UTC; sessions are in UTC, too, for those WITH LOCAL TIME ZONE.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

DATE = "DB_TYPE_DATE"
TIMESTAMP = "DB_TYPE_TIMESTAMP"
TIMESTAMP_TZ = "DB_TYPE_TIMESTAMP_TZ"
TIMESTAMP_LTZ = "DB_TYPE_TIMESTAMP_LTZ"

_SECONDS = "YYYY-MM-DD HH24:MI:SS"


def literal(moment: datetime | date, driver_type: str) -> ColumnElement[Any]:
    """A point in time to compare a column with, such that an index on it can be used.

    Args:
        moment: in UTC or, for columns without time zone, without one.
        driver_type: the column's type as the driver names it.
    """
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - a date has no time zone
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    if driver_type == DATE:
        return sa.func.to_date(sa.literal(moment.isoformat(" ", "seconds")), sa.literal_column(f"'{_SECONDS}'"))
    text = sa.literal(moment.isoformat(" ", "microseconds"))
    found = sa.func.to_timestamp(text, sa.literal_column(f"'{_SECONDS}.FF6'"))
    if driver_type in (TIMESTAMP_TZ, TIMESTAMP_LTZ):
        return sa.func.from_tz(found, sa.literal_column("'+00:00'"))
    return found


def selected(column: ColumnElement[Any], driver_type: str, name: str) -> ColumnElement[Any]:
    """What to ask for to have a column's value, points in time in UTC.

    Args:
        column: the column.
        driver_type: its type as the driver names it.
        name: what to call it.
    """
    if driver_type == TIMESTAMP_TZ:
        return sa.func.sys_extract_utc(column).label(name)
    return column
