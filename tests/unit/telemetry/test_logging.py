"""Log lines as a log collector reads them."""

from __future__ import annotations

import json
import logging

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from tidegate.telemetry.logging import configure, get_logger


@pytest.fixture(autouse=True)
def restore_logging() -> object:
    """Give pytest its log handlers back; what was configured writes to a stream that pytest closes."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capture: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capture.readouterr().err.splitlines()]


def test_an_event_is_one_json_line_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    log = get_logger("some.module", connector="orders")
    configure("info", "json", service="worker", worker_id="w1")
    log.debug("unseen")
    log.info("task_claimed", task=0)
    (line,) = lines(capsys)
    line.pop("timestamp")
    assert line == {
        "event": "task_claimed",
        "level": "info",
        "module": "some.module",
        "connector": "orders",
        "task": 0,
        "service": "worker",
        "worker_id": "w1",
    }


def test_a_traceback_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    try:
        raise ValueError("bad")
    except ValueError:
        get_logger("m").exception("failed")
    (line,) = lines(capsys)
    assert "ValueError: bad" in str(line["exception"])


def test_secrets_by_name_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    get_logger("m").info("connected", password="hunter2", user="u")
    (line,) = lines(capsys)
    assert (line["password"], line["user"]) == ("[hidden]", "u")


def test_libraries_are_heard_from_warnings_on_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug", "json", service="registry")
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("trouble with %s", "x")
    (line,) = lines(capsys)
    assert (line["event"], line["module"], line["service"]) == ("trouble with x", "some.library", "registry")


def test_a_line_within_a_trace_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    span = TracerProvider().get_tracer("t").start_span("s")
    with trace.use_span(span):
        get_logger("m").info("event")
    (line,) = lines(capsys)
    assert line["trace_id"] == format(span.get_span_context().trace_id, "032x")
