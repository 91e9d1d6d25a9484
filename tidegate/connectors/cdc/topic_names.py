"""Names of topics and of record types, as Debezium's default topic naming strategy makes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tidegate.connectors.cdc.name_adjustment import Adjust, adjuster, unchanged
from tidegate.connectors.cdc.table_id import TableId
from tidegate.sdk.config_def import Config

_OTHER = re.compile(r"[^a-zA-Z0-9._-]")


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Names under one ``topic.prefix``.

    Args:
        prefix: ``topic.prefix``.
        delimiter: between the parts of a topic's name.
        heartbeat_prefix: before the prefix in the name of the topic of heartbeats.
        transaction: last part of the name of the topic of transactions.
        adjust: makes names of record types ones that are allowed.
        field: the name of a column's field.
    """

    prefix: str
    delimiter: str = "."
    heartbeat_prefix: str = "__debezium-heartbeat"
    transaction: str = "transaction"
    adjust: Adjust = unchanged
    field: Adjust = unchanged

    @classmethod
    def from_config(cls, config: Config) -> TopicNames:
        """The names of a configuration with the keys of :data:`tidegate.connectors.cdc.keys.TOPIC_KEYS`."""
        return cls(
            config["topic.prefix"],
            config["topic.delimiter"],
            config["topic.heartbeat.prefix"],
            config["topic.transaction"],
            adjuster(config["schema.name.adjustment.mode"], dots=True),
            adjuster(config["field.name.adjustment.mode"], dots=False),
        )

    def data(self, table: TableId) -> str:
        """The topic of a table's changes."""
        return _sanitized(self.delimiter.join((self.prefix, table.schema, table.table)))

    @property
    def heartbeat(self) -> str:
        """The topic of heartbeats."""
        return _sanitized(f"{self.heartbeat_prefix}{self.delimiter}{self.prefix}")

    @property
    def transactions(self) -> str:
        """The topic of beginnings and ends of transactions."""
        return _sanitized(f"{self.prefix}{self.delimiter}{self.transaction}")

    def record(self, table: TableId, kind: str) -> str:
        """Full name of a record type of a table: ``Key``, ``Value`` or ``Envelope``."""
        return self.adjust(f"{self.prefix}.{table.schema}.{table.table}.{kind}")


def _sanitized(name: str) -> str:
    return _OTHER.sub("_", name)
