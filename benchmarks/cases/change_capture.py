"""What the cases of change data capture share: the rows, the ways they change, and what the systems are told."""

from __future__ import annotations

from benchmarks.cases.json_source import CONNECT_PRODUCER
from benchmarks.systems.connectors import Config

ROWS = 200_000
DATA = ("snapshot", "single-row", "one-transaction")
WARM_ROWS = 100_000
"""What a side warms up with, where more rows are asked for: the plans, the classes and the pages are the same."""
TABLE = "lineitem"
WARM_TABLE = "warm_lineitem"
NOTES = {
    "snapshot": "a snapshot of {rows:,} rows",
    "single-row": "{rows:,} transactions of one row each",
    "one-transaction": "one transaction of {rows:,} rows",
}
OUR_NOTE = "Avro with registry, exactly once"
THEIR_NOTE = "JsonConverter without schemas, exactly once"
OURS: Config = {"key.converter": "avro", "value.converter": "avro"}
DEBEZIUMS: Config = {
    "exactly.once.support": "required",
    "transaction.boundary": "interval",
    "transaction.boundary.interval.ms": 500,
    "snapshot.fetch.size": 10_240,
    "max.batch.size": 8_192,
    "max.queue.size": 32_768,
    "poll.interval.ms": 50,
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
    **CONNECT_PRODUCER,
}
