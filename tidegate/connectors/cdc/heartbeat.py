"""Heartbeats: records that carry the position onward while the captured tables are quiet."""

from __future__ import annotations

import time

import pyarrow as pa

from tidegate.connectors.cdc.topic_names import TopicNames
from tidegate.records.envelope import Batch, envelope

_KEY = pa.struct([pa.field("serverName", pa.string(), nullable=False)])
_VALUE = pa.struct([pa.field("ts_ms", pa.int64(), nullable=False)])
_NAME = "io.debezium.connector.common.Heartbeat"
_KEY_NAME = "io.debezium.connector.common.ServerNameKey"


class Heartbeat:
    """When a heartbeat is due, and its record.

    Args:
        names: of topics.
        interval_ms: ``heartbeat.interval.ms``; 0 for none.
    """

    def __init__(self, names: TopicNames, interval_ms: int) -> None:
        self._names = names
        self._interval = interval_ms / 1000
        self._due = time.monotonic() + self._interval

    @property
    def due(self) -> bool:
        """Whether it is time for one."""
        return self._interval > 0 and time.monotonic() >= self._due

    def record(self) -> Batch:
        """A heartbeat of now; the next one is due an interval later."""
        self._due = time.monotonic() + self._interval
        value = pa.array([{"ts_ms": time.time_ns() // 1_000_000}], _VALUE)
        key = pa.array([{"serverName": self._names.prefix}], _KEY)
        return envelope(self._names.heartbeat, value, key=key, value_name=_NAME, key_name=_KEY_NAME)
