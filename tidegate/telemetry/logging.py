"""Structured logs: one line an event, as JSON for machines or in colours for people."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, Literal, cast

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, FilteringBoundLogger, Processor

LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

_REDACTED = "[hidden]"
_SECRET_FIELDS = frozenset({"password", "secret", "secret_key", "token", "authorization"})


_hide: Callable[[str], str] | None = None


def hide_in_texts(hide: Callable[[str], str] | None) -> None:
    """Has every text of every event of this process pass through a function; None ends that.

    Args:
        hide: takes secrets out of a text.
    """
    global _hide
    _hide = hide


def get_logger(name: str, **fields: Any) -> FilteringBoundLogger:
    """A logger of events: ``log.info("task_claimed", connector="orders", task=0)``.

    Usable before :func:`configure`, which applies to it when the first event is logged.

    Args:
        name: the module's ``__name__``; the ``module`` field of every event.
        fields: added to every event.
    """
    return cast(FilteringBoundLogger, structlog.get_logger(module=name, **fields))


def configure(level: LogLevel = "info", format: LogFormat = "json", **fields: str) -> None:
    """Send Tidegate's events, and what libraries log at warning or above, to stderr.

    May be called again; the last call wins.

    Args:
        level: the least severity that is written.
        format: ``json``, one object a line, or ``console``.
        fields: added to every event, such as ``service="worker"`` and ``worker_id="w1"``.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_fields(fields),
        _add_trace,
        _redact,
    ]
    renderers: list[Processor] = (
        [structlog.processors.format_exc_info, _hide_in_texts, structlog.processors.JSONRenderer(default=str)]
        if format == "json"
        else [_hide_in_texts, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    _capture_libraries(number, [_name_library, *shared], renderers)


def _capture_libraries(level: int, before: list[Processor], renderers: list[Processor]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))


def _name_library(logger: Any, method: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if record is not None:
        event["module"] = record.name
    return event


def _add_fields(fields: dict[str, str]) -> Processor:
    def add(logger: Any, method: str, event: EventDict) -> EventDict:
        for name, value in fields.items():
            event.setdefault(name, value)
        return event

    return add


def _add_trace(logger: Any, method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _redact(logger: Any, method: str, event: EventDict) -> EventDict:
    for name in event:
        if name.lower() in _SECRET_FIELDS:
            event[name] = _REDACTED
    return event


def _hide_in_texts(logger: Any, method: str, event: EventDict) -> EventDict:
    if _hide is not None:
        for name, value in event.items():
            if isinstance(value, str):
                event[name] = _hide(value)
    return event
