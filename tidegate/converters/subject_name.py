"""Subject name strategies: under which subject a schema of a topic stands in the registry."""

from __future__ import annotations

STRATEGIES = ("TopicNameStrategy", "RecordNameStrategy", "TopicRecordNameStrategy")
"""Names as in Confluent's serializers, the default first."""


def subject_name(strategy: str, topic: str, record: str, *, is_key: bool) -> str:
    """The subject of a schema.

    Args:
        strategy: one of :data:`STRATEGIES`.
        topic: the topic's name.
        record: full name of the record type; of a type without a name its kind.
        is_key: whether it is the key's schema.
    """
    match strategy:
        case "RecordNameStrategy":
            return record
        case "TopicRecordNameStrategy":
            return f"{topic}-{record}"
        case _:
            return f"{topic}-{'key' if is_key else 'value'}"
