"""Distributed traces (OpenTelemetry), carried as W3C trace context over gRPC metadata and Kafka headers.

Without a collector nothing is recorded or sent, but a caller's trace context is still passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from opentelemetry import propagate, trace
from opentelemetry.context import Context

from tidegate.errors import ConfigError, ConfigProblem

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

KafkaHeaders = list[tuple[str, bytes | None]]

_provider: TracerProvider | None = None


def configure(otlp_endpoint: str | None, service: str, instance: str = "") -> None:
    """Send this process's spans to a collector; does nothing without one.

    Args:
        otlp_endpoint: the setting: an OTLP/gRPC collector such as ``http://collector:4317``.
        service: ``coordinator``, ``worker`` or ``registry``.
        instance: id of the replica or worker.

    Raises:
        ConfigError: an endpoint is given and the exporter is not installed.
    """
    global _provider
    if not otlp_endpoint:
        return
    # Only here: every process would have the SDK in its memory, most of them for nothing.
    from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({SERVICE_NAME: f"tidegate-{service}", SERVICE_INSTANCE_ID: instance})
    _provider = TracerProvider(resource=resource)
    _provider.add_span_processor(BatchSpanProcessor(_exporter(otlp_endpoint)))
    trace.set_tracer_provider(_provider)


def shutdown() -> None:
    """Send what is still buffered; call it last."""
    if _provider is not None:
        _provider.shutdown()


def tracer(name: str) -> trace.Tracer:
    """The tracer of a module: ``with tracer(__name__).start_as_current_span("poll"):``."""
    return trace.get_tracer(name)


def inject_metadata(context: Context | None = None) -> tuple[tuple[str, str], ...]:
    """The current (or given) trace context as gRPC metadata; empty when there is none."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier, context)
    return tuple(carrier.items())


def extract_metadata(metadata: Iterable[tuple[str, str | bytes]] | None) -> Context:
    """The trace context a caller sent in gRPC metadata."""
    carrier = {key.lower(): value for key, value in metadata or () if isinstance(value, str)}
    return propagate.extract(carrier)


def inject_headers(headers: KafkaHeaders, context: Context | None = None) -> KafkaHeaders:
    """Record headers with the current (or given) trace context in place of any other; a new list."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier, context)
    kept = [(key, value) for key, value in headers if key not in carrier]
    return kept + [(key, value.encode()) for key, value in carrier.items()]


def extract_headers(headers: Sequence[tuple[str, bytes | None]] | None) -> Context:
    """The trace context a producer left in record headers."""
    carrier = {key.lower(): value.decode(errors="replace") for key, value in headers or () if value is not None}
    return propagate.extract(carrier)


def _exporter(endpoint: str) -> SpanExporter:
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise ConfigError(
            [ConfigProblem("otlp_endpoint", "needs the exporter. Install tidegate[otlp], or leave the setting out.")]
        ) from None
    exporter: SpanExporter = OTLPSpanExporter(endpoint=endpoint, insecure=not endpoint.startswith("https://"))
    return exporter
