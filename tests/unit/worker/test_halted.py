"""What becomes of a halted record: by tolerance, by drift policy, with which headers, with or without a log line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest
from structlog.testing import capture_logs
from tidegate_worker.task.halted import HaltedRecord, HaltPolicy

from tidegate.errors import RecordHaltedError
from tidegate.kafka.outgoing import KafkaHeaders
from tidegate.kafka.topics import TopicAdmin
from tidegate.kafka.transactions import TransactionalProducer
from tidegate.records.faults import Stage
from tidegate.records.reason import Reason, Rule
from tidegate.sdk.connector_config import SINK

GARBAGE = Reason("The message starts with byte 0x07.", Rule.GARBAGE)
RENAMED = Reason("field 'userId' is missing", Rule.MISSING_FIELD, "userId")


class Produced:
    """What a producer was given."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes | None, bytes | None, dict[str, bytes | None], int]] = []

    def produce(
        self, topic: str, value: bytes | None, key: bytes | None, headers: KafkaHeaders, timestamp: int
    ) -> None:
        self.records.append((topic, value, key, dict(headers), timestamp))


class Topics:
    """What topics were asked for."""

    def __init__(self) -> None:
        self.made: list[tuple[str, int, int, Mapping[str, str]]] = []

    def ensure(self, topic: str, *, partitions: int, replication: int, config: Mapping[str, str]) -> int:
        self.made.append((topic, partitions, replication, config))
        return partitions


def policy(**keys: str) -> HaltPolicy:
    named = {name.replace("_", "."): text for name, text in keys.items()}
    config = {"name": "c", "connector.class": "s3-sink", "topics": "orders", **named}
    return HaltPolicy(SINK.parse(config), "c", 2)


def record(reason: str, exception: str = "DataException") -> HaltedRecord:
    return HaltedRecord("orders", b"k", b"v", [("own", b"1")], Stage.TASK_PUT, exception, reason, 3, 7, 1234)


def sent(keys: Mapping[str, str], halted: HaltedRecord) -> list[tuple[str, dict[str, bytes | None], int]]:
    produced = Produced()
    policy(errors_deadletterqueue_topic_name="dlq", **keys).produce(cast(TransactionalProducer, produced), halted)
    return [(topic, headers, timestamp) for topic, _, _, headers, timestamp in produced.records]


def test_a_halted_record_tells_path_rule_and_sentence_beside_the_headers_of_connect() -> None:
    ((topic, headers, timestamp),) = sent({}, record(RENAMED))
    assert (topic, timestamp) == ("dlq", 1234)
    connect = {
        name: headers[f"__connect.errors.{name}"] for name in ("topic", "partition", "offset", "task.id", "stage")
    }
    assert connect == {"topic": b"orders", "partition": b"3", "offset": b"7", "task.id": b"2", "stage": b"TASK_PUT"}
    ours = {name: headers[f"__tidegate.errors.{name}"] for name in ("path", "rule", "sentence")}
    assert ours == {"path": b"userId", "rule": b"missing-field", "sentence": b"field 'userId' is missing"}
    assert headers["own"] == b"1"


def test_an_error_that_names_no_rule_is_given_the_one_its_class_stands_for() -> None:
    ((_, headers, _),) = sent({}, record("no", "IncompatibleSchemaError"))
    assert headers["__tidegate.errors.rule"] == b"incompatible-schema"
    ((_, headers, _),) = sent({}, record("no", "SomeError"))
    assert "__tidegate.errors.rule" not in headers


def test_without_context_headers_it_keeps_its_own_alone() -> None:
    assert sent({"errors_deadletterqueue_context_headers_enable": "false"}, record(RENAMED)) == [
        ("dlq", {"own": b"1"}, 1234)
    ]


def test_the_queue_is_made_as_asked_for_and_keeps_letters_of_old_records() -> None:
    topics = Topics()
    keys = {
        "errors_tolerance": "all",
        "errors_deadletterqueue_topic_name": "dlq",
        "errors_deadletterqueue_topic_replication_factor": "3",
    }
    policy(**keys).prepare(cast(TopicAdmin, topics))
    assert topics.made == [("dlq", 1, 3, {"retention.ms": "-1"})]


@pytest.mark.parametrize(
    ("tolerance", "drift", "reason", "goes_on"),
    [
        ("none", "halt", GARBAGE, False),
        ("all", "halt", GARBAGE, True),
        ("all", "halt", RENAMED, True),
        ("all", "fail", RENAMED, False),
        ("all", "fail", GARBAGE, True),
    ],
)
def test_a_fault_halts_the_record_or_the_task(tolerance: str, drift: str, reason: Reason, goes_on: bool) -> None:
    applied = policy(errors_tolerance=tolerance, drift_policy=drift)
    if goes_on:
        applied.admit(record(reason))
    else:
        with pytest.raises(RecordHaltedError, match="orders-3 at offset 7"):
            applied.admit(record(reason))


@pytest.mark.parametrize(("enable", "messages"), [("false", "true"), ("true", "false"), ("true", "true")])
def test_a_log_line_is_written_if_wished_with_the_message_if_wished(enable: str, messages: str) -> None:
    applied = policy(errors_tolerance="all", errors_log_enable=enable, errors_log_include_messages=messages)
    with capture_logs() as lines:
        applied.admit(record(RENAMED))
    assert len(lines) == (enable == "true")
    for line in lines:
        assert (line["place"], line["reason"]) == ("orders-3 at offset 7", "field 'userId' is missing")
        assert ("value" in line) == (messages == "true")
