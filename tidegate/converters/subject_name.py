"""Subject name strategies: under which subject a schema of a topic stands in the registry."""

from __future__ import annotations

from tidegate.records.avro_schema import AvroType

STRATEGIES = ("TopicNameStrategy", "RecordNameStrategy", "TopicRecordNameStrategy")
"""Names as in Confluent's serializers, the default first."""


def subject_name(strategy: str, topic: str, schema: AvroType, *, is_key: bool) -> str:
    """The subject of a schema.

    Args:
        strategy: one of :data:`STRATEGIES`.
        topic: the topic's name.
        schema: its full name is the record's; for types without a name their kind.
        is_key: whether it is the key's schema.
    """
    record = schema.name or schema.kind
    match strategy:
        case "RecordNameStrategy":
            return record
        case "TopicRecordNameStrategy":
            return f"{topic}-{record}"
        case _:
            return f"{topic}-{'key' if is_key else 'value'}"
