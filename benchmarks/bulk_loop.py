"""One process of the peer without Kafka Connect: consume JSON objects, bulk them, commit, until told to stop.

``python -m benchmarks.bulk_loop '{"bootstrap_servers": …, "url": …, "group": …, "topic": …, "index": …}'``
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaException, Message
from opensearchpy import OpenSearch
from opensearchpy.helpers import bulk

_MOST_RECORDS = 2_000
"""Records a request: what Tidegate's sink sends by default."""


def main(job: dict[str, Any]) -> None:
    """Runs until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    client = OpenSearch(job["url"], timeout=60)
    consumer = Consumer(
        {
            "bootstrap.servers": job["bootstrap_servers"],
            "group.id": job["group"],
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 2,
        }
    )
    consumer.subscribe([job["topic"]])
    try:
        while not stopping.is_set():
            messages = consumer.consume(_MOST_RECORDS, 0.5)
            if messages:
                bulk(client, _actions(messages, job["index"]), chunk_size=_MOST_RECORDS)
                consumer.commit(asynchronous=False)
    finally:
        consumer.close()
        client.close()


def _actions(messages: Sequence[Message], index: str) -> Iterator[dict[str, Any]]:
    for message in messages:
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        id_ = f"{message.topic()}+{message.partition()}+{message.offset()}"
        yield {"_index": index, "_id": id_, "_source": orjson.loads(message.value() or b"null")}


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
