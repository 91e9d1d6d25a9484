"""Topics that are missing are created as the first group says that includes them (KIP-158)."""

from __future__ import annotations

import pytest

from tidegate.sdk.topic_creation import TopicCreation, TopicSettings, topic_creation_problems

CONFIG = {
    "topic.creation.default.partitions": "6",
    "topic.creation.default.replication.factor": "3",
    "topic.creation.default.compression.type": "lz4",
    "topic.creation.groups": "compacted, logs",
    "topic.creation.compacted.include": r"shop\.public\..*, shop\.keys",
    "topic.creation.compacted.exclude": r".*\.audit",
    "topic.creation.compacted.partitions": "1",
    "topic.creation.compacted.cleanup.policy": "compact",
    "topic.creation.logs.include": ".*audit",
    "topic.creation.logs.replication.factor": "2",
    "topic.creation.logs.retention.ms": "1000",
}


@pytest.mark.parametrize(
    ("topic", "settings"),
    [
        ("shop.public.orders", TopicSettings(1, 3, {"cleanup.policy": "compact"})),
        ("shop.keys", TopicSettings(1, 3, {"cleanup.policy": "compact"})),
        ("shop.public.audit", TopicSettings(6, 2, {"retention.ms": "1000"})),
        ("shop.keys.more", TopicSettings(6, 3, {"compression.type": "lz4"})),
    ],
)
def test_the_first_group_that_includes_a_topic_says_how(topic: str, settings: TopicSettings) -> None:
    assert topic_creation_problems(CONFIG) == []
    assert TopicCreation(CONFIG).settings(topic) == settings


def test_the_brokers_say_what_nobody_says() -> None:
    assert TopicCreation({}).settings("t") == TopicSettings(-1, -1, {})


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("topic.creation.groups", "compacted,compacted"),
        ("topic.creation.groups", "default"),
        ("topic.creation.compacted.include", ""),
        ("topic.creation.compacted.include", "("),
        ("topic.creation.logs.exclude", "*"),
        ("topic.creation.logs.partitions", "0"),
        ("topic.creation.default.replication.factor", "many"),
    ],
)
def test_what_can_not_be_is_told_by_its_key(key: str, text: str) -> None:
    assert key in {problem.key for problem in topic_creation_problems({**CONFIG, key: text})}
