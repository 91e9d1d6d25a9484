"""A source: one record a city and hour, resumed at the hour after the last committed one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from tidegate.sdk import REQUIRED, ConfigDef, Importance, SourceConnector, Type
from tidegate.sdk.rows import RowSourceTask, SourceRow


class WeatherTask(RowSourceTask):
    def open(self) -> None:
        offset = self.context.offset({"city": self.config["city"]})
        first = datetime(2026, 1, 1, tzinfo=UTC)
        self.hour = datetime.fromisoformat(offset["hour"]) + timedelta(hours=1) if offset else first

    def read(self) -> Iterable[SourceRow]:
        for _ in range(24):
            value = {"city": self.config["city"], "hour": self.hour, "celsius": 10.0 + self.hour.hour / 2}
            yield SourceRow("weather", value, {"hour": self.hour.isoformat()}, {"city": self.config["city"]})
            self.hour += timedelta(hours=1)
        self.context.stopping.wait(1)


class WeatherSource(SourceConnector):
    name = "weather-source"
    doc = "Made-up temperatures of a city."
    config_def = ConfigDef().define("city", Type.STRING, REQUIRED, Importance.HIGH, "Which city.")
    task_class = WeatherTask
