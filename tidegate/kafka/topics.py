"""Topics: what exists, and making what is missing."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tidegate.kafka.errors import KafkaRefusedError, kafka_error
from tidegate.kafka.properties import client_properties

_DEADLINE = 15.0


class TopicAdmin:
    """Reads and creates topics.

    Args:
        properties: the worker's librdkafka properties.
        deadline: seconds a request may take.
    """

    def __init__(self, properties: Mapping[str, str], *, deadline: float = _DEADLINE) -> None:
        self.client = AdminClient(client_properties(properties))
        self._deadline = deadline

    def partitions(self) -> dict[str, int]:
        """The number of partitions of every topic.

        Raises:
            KafkaUnavailableError: no broker answers.
        """
        try:
            listed = self.client.list_topics(timeout=self._deadline)
        except KafkaException as error:
            raise kafka_error(error, "listing topics") from error
        return {name: len(topic.partitions) for name, topic in listed.topics.items() if topic.error is None}

    def ensure(
        self, topic: str, *, partitions: int = -1, replication: int = -1, config: Mapping[str, str] | None = None
    ) -> int:
        """Creates a topic unless it exists; never changes one that does.

        Args:
            topic: its name.
            partitions: -1 for the brokers' default.
            replication: factor; -1 for the brokers' default.
            config: topic settings.

        Returns:
            Its number of partitions.

        Raises:
            KafkaRefusedError: Kafka does not let us create it.
        """
        existing = self.partitions().get(topic)
        if existing:
            return existing
        new = NewTopic(topic, num_partitions=partitions, replication_factor=replication, config=dict(config or {}))
        try:
            self.client.create_topics([new], operation_timeout=self._deadline)[topic].result(self._deadline)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                refused = kafka_error(error, f"creating topic {topic}")
                if isinstance(refused, KafkaRefusedError):
                    raise KafkaRefusedError(
                        refused.message, remedy="Create the topic yourself or allow it to this user."
                    ) from error
                raise refused from error
        return self.partitions().get(topic, max(1, partitions))
