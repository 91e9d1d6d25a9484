"""What the demo measured and proved."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Takeover:
    """One kill -9 and how it was made good.

    Args:
        victim: the killed process.
        role: what it did: ``source``, ``sink`` or ``leader``.
        successor: the process that took over.
        seconds: from the kill until the successor ran.
        flowing_seconds: from the kill until records moved again; None for the leader.
        done_rows: rows that had passed when it was killed.
        total_rows: rows there were to move.
    """

    victim: str
    role: str
    successor: str
    seconds: float
    flowing_seconds: float | None
    done_rows: int
    total_rows: int


@dataclass
class Figures:
    """The outcome of a run.

    Args:
        table_rows: rows of the table at the end.
        topic_records: committed records of its topic.
        lake_rows: rows in the bucket.
        missing: rows of the table that the bucket lacks.
        duplicates: rows that the bucket holds beyond the first time.
        column_sums: (table, bucket) by column.
        files: Parquet files of the table.
        inserted_rows: rows inserted while the pipeline ran.
        arrival_seconds: from their insertion until all of them were in the bucket.
        halted: records of the second pipeline in the dead letter queue.
        halted_expected: rows inserted there while the column had the other name.
        passed: rows of the second pipeline in the bucket.
        passed_expected: rows inserted there under the right name.
        reasons: some of the dead letter queue's reasons.
        waiting: rule, count and reason of each group that waits in the dead letter queue.
        shown: what tells the first record of each group from the schema that was expected.
        replayed: records sent back after the repair.
        replayed_rows: of those, rows that arrived in the bucket.
        takeovers: in the order of the kills.
        differences: what differs from the promise, in words; empty when all holds.
    """

    table_rows: int = 0
    topic_records: int = 0
    lake_rows: int = 0
    missing: int = 0
    duplicates: int = 0
    column_sums: dict[str, tuple[int, int]] = field(default_factory=dict)
    files: int = 0
    inserted_rows: int = 0
    arrival_seconds: float = 0.0
    halted: int = 0
    halted_expected: int = 0
    passed: int = 0
    passed_expected: int = 0
    reasons: list[str] = field(default_factory=list)
    waiting: list[tuple[str, int, str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    replayed: int = 0
    replayed_rows: int = 0
    takeovers: list[Takeover] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
