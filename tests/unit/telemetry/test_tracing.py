"""Trace context across Kafka headers and gRPC metadata."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from tidegate.errors import ConfigError
from tidegate.telemetry import tracing

SPAN = TracerProvider().get_tracer("t").start_span("s")


def trace_id(context: object) -> int:
    return trace.get_current_span(context).get_span_context().trace_id  # type: ignore[arg-type]


def test_a_trace_goes_through_record_headers_and_replaces_an_older_one() -> None:
    with trace.use_span(SPAN):
        headers = tracing.inject_headers([("mine", b"1"), ("traceparent", b"old"), ("empty", None)])
    assert ("mine", b"1") in headers
    assert [key for key, _ in headers].count("traceparent") == 1
    assert trace_id(tracing.extract_headers(headers)) == SPAN.get_span_context().trace_id


def test_a_trace_goes_through_call_metadata() -> None:
    with trace.use_span(SPAN):
        metadata = tracing.inject_metadata()
    assert trace_id(tracing.extract_metadata(metadata)) == SPAN.get_span_context().trace_id


def test_without_a_trace_nothing_is_added_and_nothing_is_found() -> None:
    assert tracing.inject_headers([("a", b"1")]) == [("a", b"1")]
    assert tracing.inject_metadata() == ()
    assert trace_id(tracing.extract_headers(None)) == 0
    assert trace_id(tracing.extract_headers([("traceparent", b"\xff\xfe garbage")])) == 0


def test_without_a_collector_configuring_does_nothing() -> None:
    before = trace.get_tracer_provider()
    tracing.configure(None, "worker")
    assert trace.get_tracer_provider() is before
    tracing.shutdown()


def test_a_collector_without_the_exporter_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(ConfigError, match=r"tidegate\[otlp\]"):
        tracing.configure("http://collector:4317", "worker")
