"""When a statement was run: what ``CURRENT_TIMESTAMP`` was to it."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"([+-])(\d\d?):(\d\d)")


@dataclass(frozen=True, slots=True)
class StatementTime:
    """A point in time and the session's time zone.

    Args:
        micros: since 1970 in UTC.
        zone: of the session, as ``time_zone`` has it; None where the log does not tell it.
    """

    micros: int
    zone: str | None

    def timestamp(self, decimals: int) -> str:
        """As a TIMESTAMP, in UTC."""
        return _text(self._moment, decimals)

    def date_time(self, decimals: int) -> str | None:
        """As a DATETIME, in the session's zone; None where that is not known."""
        offset = _OFFSET.fullmatch(self.zone or "")
        if offset is not None:
            sign = -1 if offset[1] == "-" else 1
            away = sign * datetime.timedelta(hours=int(offset[2]), minutes=int(offset[3]))
            return _text(self._moment + away, decimals)
        try:
            return _text(self._moment.astimezone(ZoneInfo(self.zone or "")), decimals)
        except (OSError, ValueError, KeyError):
            return None

    @property
    def _moment(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(microseconds=self.micros)


def _text(moment: datetime.datetime, decimals: int) -> str:
    whole = f"{moment:%Y-%m-%d %H:%M:%S}"
    return f"{whole}.{moment.microsecond:06d}"[: 20 + decimals] if decimals else whole
