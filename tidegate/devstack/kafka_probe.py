"""The readiness request for anything that speaks the Kafka protocol."""

from __future__ import annotations

import logging

from confluent_kafka.admin import AdminClient

# librdkafka reports every refused connection of a probe; a probe that fails is expected here.
_silent = logging.getLogger("tidegate.devstack.kafka_probe.librdkafka")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


def list_topics(bootstrap_servers: str, *, timeout: float = 2.0) -> list[str]:
    """The names of the topics of a cluster.

    Args:
        bootstrap_servers: ``host:port``.
        timeout: seconds.

    Raises:
        confluent_kafka.KafkaException: no broker answered in time.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap_servers}, logger=_silent)
    return sorted(admin.list_topics(timeout=timeout).topics)
