"""The classic accident: a column is renamed in mid-stream, and the gate halts exactly the rows it changed."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson
import psycopg
import pyarrow.compute as pc
from confluent_kafka import Message

from tidegate.demo.stage import Say, Stage
from tidegate.demo.topic_reader import TopicReader, headers_of
from tidegate.demo.waiting import wait_until

TOPIC = "demo.app_events"
DEAD_LETTERS = "demo.app_events.dlq"
_REASON = "__connect.errors.exception.message"
_ROWS = 200
_SHOWN_REASONS = 3

CREATE_APP_EVENTS = """
CREATE TABLE IF NOT EXISTS app_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "userId" BIGINT NOT NULL,
    action TEXT NOT NULL,
    happened_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()
)
"""
_ACTIONS = ("login", "search", "purchase", "logout")


@dataclass
class _DeadLetters:
    """Ids and reasons of halted rows, gathered by the reader's thread."""

    ids: list[int] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def add(self, message: Message) -> None:
        row = orjson.loads(message.value() or b"{}")
        reason = headers_of(message).get(_REASON) or b""
        self.ids.append(int(row.get("id", -1)))
        self.reasons.append(reason.decode() if isinstance(reason, bytes) else reason)


def run_rename_act(stage: Stage, say: Say) -> None:
    """Run the second pipeline through a rename and back, and note what was halted and what passed.

    Raises:
        DemoFailedError: the rows did not arrive where they belong in time.
    """
    figures, url = stage.figures, stage.cluster.database_url
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as database:
        database.execute(CREATE_APP_EVENTS)
        good = insert_app_events(database, '"userId"')
        say("deploying the second pipeline")
        for file in ("app-events-source.yaml", "app-events-s3.yaml"):
            stage.connectors.wait_running(stage.connectors.deploy(file))
        letters = _DeadLetters()
        with (
            TopicReader(stage.cluster.stack.bootstrap_servers, TOPIC) as topic,
            TopicReader(stage.cluster.stack.bootstrap_servers, DEAD_LETTERS, letters.add) as queue,
        ):
            say('rows with "userId" flow')
            wait_until(lambda: topic.count >= len(good), f"{len(good)} records in {TOPIC}")
            say('ALTER TABLE ... RENAME COLUMN "userId" TO user_id')
            database.execute('ALTER TABLE app_events RENAME COLUMN "userId" TO user_id')
            renamed = insert_app_events(database, "user_id")
            wait_until(lambda: queue.count >= len(renamed), f"{len(renamed)} records in {DEAD_LETTERS}")
            say("renamed back")
            database.execute('ALTER TABLE app_events RENAME COLUMN user_id TO "userId"')
            good += insert_app_events(database, '"userId"')
            wait_until(lambda: topic.count >= len(good), f"{len(good)} records in {TOPIC}")
            say("waiting for the bucket")
            wait_until(lambda: stage.lake.count(TOPIC) >= len(good), f"{len(good)} rows of {TOPIC} in the bucket")
            halted, reasons = sorted(letters.ids), list(letters.reasons)
    figures.halted, figures.halted_expected = len(halted), len(renamed)
    figures.passed_expected = len(good)
    figures.reasons = list(dict.fromkeys(reasons))[:_SHOWN_REASONS]
    if halted != renamed:
        figures.differences.append(
            f"the dead letter queue holds {len(halted)} records, not exactly the {len(renamed)} renamed rows"
        )
    if not all(reasons):
        figures.differences.append("a record in the dead letter queue has no reason")
    _check_bucket(stage, good)


def insert_app_events(database: psycopg.Connection[tuple[object, ...]], column: str) -> list[int]:
    """Insert rows with the user's column under the given name; returns their ids in order."""
    statement = (
        f"INSERT INTO app_events ({column}, action) SELECT mod(n, 37), (%s::text[])[1 + mod(n, 4)]"  # noqa: S608
        f" FROM generate_series(1, {_ROWS}) AS n RETURNING id"
    )
    rows = database.execute(statement, (list(_ACTIONS),)).fetchall()
    return sorted(int(str(row[0])) for row in rows)


def _check_bucket(stage: Stage, good: list[int]) -> None:
    figures = stage.figures
    tables = stage.lake.read(TOPIC)
    ids = sorted(value for table in tables for value in table["id"].to_pylist())
    figures.passed = len(ids)
    if ids != good:
        figures.differences.append(f"the bucket holds {len(ids)} rows of {TOPIC}, not the {len(good)} valid ones")
    malformed = sum(
        1 for table in tables if "userId" not in table.column_names or pc.sum(pc.is_null(table["userId"])).as_py()
    )
    if malformed:
        figures.differences.append(f"{malformed} files of {TOPIC} hold malformed rows")
