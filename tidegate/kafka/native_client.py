"""What the native producer and consumer share: the library they run on, and its errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from confluent_kafka import KafkaError, KafkaException, cimpl


def library() -> str:
    """The file through which the native clients reach the librdkafka that confluent-kafka has loaded.

    Its own symbols and those of the libraries it is linked with are found by it, so that one librdkafka serves both,
    with all that it was built with (TLS, SASL, compression), and none has to be compiled.
    """
    return str(cimpl.__file__)


def text_properties(properties: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Properties as librdkafka takes them."""
    return [(name, str(value).lower() if isinstance(value, bool) else str(value)) for name, value in properties.items()]


@contextmanager
def client_errors(extension: ModuleType) -> Iterator[None]:
    """Raises what the extension reports as confluent-kafka would."""
    try:
        yield
    except extension.KafkaClientError as error:
        code, text, fatal, retriable, abort = error.args
        raise KafkaException(
            KafkaError(code, text, fatal=fatal, retriable=retriable, txn_requires_abort=abort)
        ) from None
