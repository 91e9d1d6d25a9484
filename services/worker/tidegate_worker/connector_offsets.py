"""A connector's offsets as users see and alter them (KIP-875)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka import TopicPartition as KafkaTopicPartition
from confluent_kafka.admin import AdminClient

from tidegate.control import ConnectorType
from tidegate.errors import ConfigError, ConfigProblem
from tidegate.kafka.errors import kafka_error
from tidegate.kafka.properties import client_properties
from tidegate.kafka.source_offsets import SourceOffsets
from tidegate.kafka.transactions import TransactionalProducer
from tidegate.records.envelope import TopicPartition
from tidegate.sdk.config_def import Config
from tidegate_worker.plugin_answers import OffsetEntry
from tidegate_worker.task.sink_loop import sink_group

_DEADLINE = 15.0

AlterTarget = Callable[[Mapping[TopicPartition, int] | None], None]


def read_offsets(
    kafka: Mapping[str, str], offsets_topic: tuple[str, int, int], type_: ConnectorType, config: Config
) -> list[OffsetEntry]:
    """Every committed position of a connector.

    Args:
        kafka: librdkafka properties.
        offsets_topic: name, partitions and replication of the topic of source offsets.
        type_: source or sink.
        config: the connector's configuration.

    Raises:
        KafkaUnavailableError: no broker answers.
    """
    if type_ == "source":
        found = _source_offsets(kafka, offsets_topic, config["name"]).read()
        return [OffsetEntry(key.decode(), orjson.dumps(offset).decode()) for key, offset in sorted(found.items())]
    return [
        OffsetEntry(
            orjson.dumps({"kafka_topic": place.topic, "kafka_partition": place.partition}).decode(),
            orjson.dumps({"kafka_offset": place.offset}).decode(),
        )
        for place in _group_offsets(kafka, config["name"])
    ]


def alter_offsets(
    kafka: Mapping[str, str],
    offsets_topic: tuple[str, int, int],
    type_: ConnectorType,
    config: Config,
    transactional_name: str,
    entries: Sequence[OffsetEntry] | None,
    alter_target: AlterTarget | None = None,
) -> str:
    """Writes positions, all or none; ``entries`` None deletes all.

    Args:
        kafka: librdkafka properties.
        offsets_topic: name, partitions and replication of the topic of source offsets.
        type_: source or sink.
        config: the connector's configuration.
        transactional_name: transactional id for a source's offsets.
        entries: the positions.
        alter_target: alters the offsets that a sink holds in its target; called first.

    Returns:
        What was done, in words.

    Raises:
        ConfigError: an entry is malformed.
        KafkaUnavailableError: no broker answers.
    """
    name: str = config["name"]
    if type_ == "source":
        offsets = _source_offsets(kafka, offsets_topic, name)
        wanted = _source_entries(offsets, entries)
        producer = TransactionalProducer(kafka, transactional_name)
        try:
            producer.init()
            producer.begin()
            for partition, offset in wanted:
                offsets.write(producer, partition, offset)
            producer.commit()
        finally:
            producer.close()
    else:
        places = None if entries is None else [_place(entry) for entry in entries]
        if alter_target is not None:
            alter_target(
                None
                if places is None
                else {TopicPartition(place.topic, place.partition): place.offset for place in places}
            )
        _alter_group(kafka, name, places)
    done = "reset" if entries is None else "altered"
    return f"The offsets for connector {name} have been {done} successfully"


def _source_offsets(kafka: Mapping[str, str], topic: tuple[str, int, int], connector: str) -> SourceOffsets:
    name, partitions, replication = topic
    return SourceOffsets(kafka, name, connector, partitions=partitions, replication=replication)


def _source_entries(
    offsets: SourceOffsets, entries: Sequence[OffsetEntry] | None
) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    if entries is None:
        return [(orjson.loads(key), None) for key in offsets.read()]
    return [
        (_object(entry.partition_json, "partition"), None if entry.offset_json is None else _object(entry.offset_json))
        for entry in entries
    ]


def _group_offsets(kafka: Mapping[str, str], connector: str) -> list[KafkaTopicPartition]:
    admin = AdminClient(client_properties(kafka))
    group = sink_group(connector)
    try:
        found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=_DEADLINE)[
            group
        ].result(_DEADLINE)
    except KafkaException as error:
        raise kafka_error(error, f"reading the offsets of {group}") from error
    return sorted(
        (place for place in found.topic_partitions or () if place.offset >= 0),
        key=lambda place: (place.topic, place.partition),
    )


def _alter_group(kafka: Mapping[str, str], connector: str, places: Sequence[KafkaTopicPartition] | None) -> None:
    admin = AdminClient(client_properties(kafka))
    group = sink_group(connector)
    try:
        if places is None:
            existing = _group_offsets(kafka, connector)
            if existing:
                admin.delete_consumer_groups([group], request_timeout=_DEADLINE)[group].result(_DEADLINE)
            return
        wanted = ConsumerGroupTopicPartitions(group, list(places))
        admin.alter_consumer_group_offsets([wanted], request_timeout=_DEADLINE)[group].result(_DEADLINE)
    except KafkaException as error:
        raise kafka_error(error, f"altering the offsets of {group}") from error


def _place(entry: OffsetEntry) -> KafkaTopicPartition:
    partition = _object(entry.partition_json, "partition")
    topic, number = partition.get("kafka_topic"), partition.get("kafka_partition")
    if not isinstance(topic, str) or not re.fullmatch(r"\d+", str(number)):
        raise _malformed("partition", 'a sink\'s partition is {"kafka_topic": "orders", "kafka_partition": 0}')
    offset = 0 if entry.offset_json is None else _object(entry.offset_json).get("kafka_offset")
    if not re.fullmatch(r"\d+", str(offset)):
        raise _malformed("offset", 'a sink\'s offset is {"kafka_offset": 1000}')
    return KafkaTopicPartition(topic, int(str(number)), int(str(offset)))


def _object(text: str, field: str = "offset") -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _malformed(field, f"is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise _malformed(field, f"{text} is not a JSON object")
    return value


def _malformed(field: str, message: str) -> ConfigError:
    return ConfigError([ConfigProblem(field, message)])
