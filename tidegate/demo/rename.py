"""The classic accident: a column is renamed in mid-stream; the rows it changed wait, are repaired and replayed."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson
import psycopg
import pyarrow.compute as pc
from confluent_kafka import Message

from tidegate.demo.stage import Say, Stage
from tidegate.demo.topic_reader import TopicReader, headers_of
from tidegate.demo.waiting import wait_until
from tidegate.dlq.inspection import Inspector
from tidegate.dlq.queue import DeadLetterQueue
from tidegate.dlq.reason_group import ReasonGroups
from tidegate.dlq.repair import Repair
from tidegate.dlq.replay import replay
from tidegate.dlq.selection import Selection
from tidegate.registry_client import RegistryClient
from tidegate.sdk.config_def import Config
from tidegate.transforms.configuration import transform_chain

TOPIC = "demo.app_events"
DEAD_LETTERS = "demo.app_events.dlq"
_REASON = "__connect.errors.exception.message"
_ROWS = 200
_SHOWN_REASONS = 3
SUMMED = "app_events.userId"
"""Name of the sum that is compared."""
REPAIR = {
    "transforms": "back",
    "transforms.back.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
    "transforms.back.renames": "user_id:userId",
}
_CONVERTERS = {"key.converter": "avro", "value.converter": "avro"}

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
            _check_bucket(stage, good)
            figures.passed = len(good)
            _repair(stage, say)
            everything = sorted(good + renamed)
            wait_until(
                lambda: stage.lake.count(TOPIC) >= len(everything), f"{len(everything)} rows of {TOPIC} in the bucket"
            )
    figures.halted, figures.halted_expected = len(halted), len(renamed)
    figures.passed_expected = len(good)
    figures.reasons = list(dict.fromkeys(reasons))[:_SHOWN_REASONS]
    if halted != renamed:
        figures.differences.append(
            f"the dead letter queue holds {len(halted)} records, not exactly the {len(renamed)} renamed rows"
        )
    if not all(reasons):
        figures.differences.append("a record in the dead letter queue has no reason")
    figures.replayed_rows = _check_bucket(stage, everything) - figures.passed
    figures.column_sums[SUMMED] = _user_sums(stage)
    if len(set(figures.column_sums[SUMMED])) > 1:
        figures.differences.append(f"the sums of {SUMMED} differ")


def insert_app_events(database: psycopg.Connection[tuple[object, ...]], column: str) -> list[int]:
    """Insert rows with the user's column under the given name; returns their ids in order."""
    statement = (
        f"INSERT INTO app_events ({column}, action) SELECT mod(n, 37), (%s::text[])[1 + mod(n, 4)]"  # noqa: S608
        f" FROM generate_series(1, {_ROWS}) AS n RETURNING id"
    )
    rows = database.execute(statement, (list(_ACTIONS),)).fetchall()
    return sorted(int(str(row[0])) for row in rows)


def _repair(stage: Stage, say: Say) -> None:
    """Lists, shows and replays what waits, as the commands ``tidegate dlq list|show|replay`` do."""
    figures = stage.figures
    properties = {"bootstrap.servers": stage.cluster.stack.bootstrap_servers}
    with (
        DeadLetterQueue(properties, DEAD_LETTERS) as queue,
        RegistryClient(stage.cluster.registry_targets) as registry,
    ):
        say("looking into the dead letter queue")
        groups = ReasonGroups()
        for letter in queue.pending():
            groups.add(letter)
        figures.waiting = [
            (group.key.rule, group.count, group.first.sentence.partition(";")[0]) for group in groups.found.values()
        ]
        inspector = Inspector(_CONVERTERS, registry)
        for group in groups.found.values():
            figures.shown += [str(each) for each in inspector.inspect(group.first).differences]
        say("replaying with the transform ReplaceField, renames=user_id:userId")
        repair = Repair(_CONVERTERS, transform_chain(Config({}, REPAIR)), registry)
        try:
            outcome = replay(queue, Selection(connector="app-events-source"), repair, properties)
        finally:
            repair.close()
        figures.replayed = outcome.replayed
        left = sum(1 for _ in queue.pending())
    if left or outcome.failed:
        figures.differences.append(f"{left} records wait on in {DEAD_LETTERS} after the replay")


def _user_sums(stage: Stage) -> tuple[int, int]:
    with psycopg.connect(stage.cluster.database_url, connect_timeout=10) as database:
        row = database.execute('SELECT sum("userId")::bigint FROM app_events').fetchone()
    assert row is not None
    lake = sum(int(pc.sum(table["userId"]).as_py() or 0) for table in stage.lake.read(TOPIC))
    return int(row[0]), lake


def _check_bucket(stage: Stage, good: list[int]) -> int:
    """The rows in the bucket; notes what differs from the ids that should be there."""
    figures = stage.figures
    tables = stage.lake.read(TOPIC)
    ids = sorted(value for table in tables for value in table["id"].to_pylist())
    if ids != good:
        figures.differences.append(f"the bucket holds {len(ids)} rows of {TOPIC}, not the {len(good)} valid ones")
    malformed = sum(
        1 for table in tables if "userId" not in table.column_names or pc.sum(pc.is_null(table["userId"])).as_py()
    )
    if malformed:
        figures.differences.append(f"{malformed} files of {TOPIC} hold malformed rows")
    return len(ids)
