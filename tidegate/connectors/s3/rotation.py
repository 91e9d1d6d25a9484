"""Rotation: when a file is full."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tidegate.sdk.config_def import Config

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is closed.

    Args:
        rows: after so many rows.
        file_bytes: after so many bytes written; None for no such bound.
        record_interval_ms: before the first record this much later than the file's first one, by record time.
        schedule_ms: at multiples of this of the wall clock, counted from midnight in ``zone``.
        zone: time zone of the schedule.
    """

    rows: int
    file_bytes: int | None
    record_interval_ms: int | None
    schedule_ms: int | None
    zone: ZoneInfo

    @classmethod
    def from_config(cls, config: Config) -> Rotation:
        """What a sink's configuration asks for; values of 0 or less mean no bound, as in Kafka Connect."""

        def bound(key: str) -> int | None:
            value = config[key]
            return value if value is not None and value > 0 else None

        return cls(
            config["flush.size"],
            bound("rotate.bytes"),
            bound("rotate.interval.ms"),
            bound("rotate.schedule.interval.ms"),
            ZoneInfo(config["timezone"]),
        )

    def next_schedule(self, now_ms: int) -> int | None:
        """The first scheduled rotation after a moment, both in milliseconds since 1970 UTC; None without a schedule."""
        if self.schedule_ms is None:
            return None
        local = (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(self.zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        since = now_ms - (midnight.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
        return now_ms - since % self.schedule_ms + self.schedule_ms
