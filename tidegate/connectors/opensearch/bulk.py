"""Sending actions: in requests of a bounded size, several at a time, again what was not taken."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tidegate.backoff import backoff
from tidegate.connectors.opensearch.client import Client
from tidegate.connectors.opensearch.outcomes import DONE, Outcome, Result, outcome, refusal
from tidegate.errors import FatalError, RetriableError
from tidegate.records.lines import Rows, joined, parts
from tidegate.records.reason import Reason
from tidegate.sdk.config_def import Config
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_MOST_PAUSE = 10.0
_LIMITLESS = 64 * 1024 * 1024
_NO_SUCH_API = 404
_TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the records of a write.

    Args:
        malformed: records that were not taken, with the reason.
        superseded: how many were passed over, for the index had the same or a later version.
    """

    malformed: dict[int, Reason]
    superseded: int


class BulkWriter:
    """Sends actions and tells what became of each.

    Args:
        client: speaks to the nodes.
        config: the connector's configuration.
        stopping: ends the retries.
    """

    def __init__(self, client: Client, config: Config, stopping: threading.Event) -> None:
        self._client = client
        self._stopping = stopping
        self._most_rows: int = config["batch.size"]
        self._most_bytes: int = config["bulk.size.bytes"] if config["bulk.size.bytes"] > 0 else _LIMITLESS
        self._retries: int = config["max.retries"]
        self._backoff: float = config["retry.backoff.ms"] / 1000
        self._timeout: float = config["flush.timeout.ms"] / 1000
        self._most_at_once: int = config["max.in.flight.requests"]
        self._at_once = self._most_at_once
        self._threads = ThreadPoolExecutor(self._most_at_once, thread_name_prefix="bulk")

    def close(self) -> None:
        """Ends the threads, after the requests that are under way."""
        self._threads.shutdown(cancel_futures=True)

    def write(self, lines: pa.Array, rows: Rows) -> Written:
        """Writes records, all that can be.

        A record may be sent more than once, and in any order with the others.

        Args:
            lines: n large strings, an action each.
            rows: which of them to send.

        Raises:
            RetriableError: some were not taken within ``flush.timeout.ms``, or none was in ``max.retries`` retries.
            FatalError: no record is at fault; a person has to change something.
        """
        give_up = time.monotonic() + self._timeout
        malformed: dict[int, Reason] = {}
        superseded = fruitless = 0
        while True:
            again: list[int] = []
            why = ""
            for sent, outcomes in self._answers(lines, rows, give_up):
                for row, found in zip(sent.tolist(), outcomes, strict=True):
                    match found.result:
                        case Result.SUPERSEDED:
                            superseded += 1
                        case Result.AGAIN:
                            again.append(row)
                            why = refusal(found)
                        case Result.MALFORMED:
                            malformed[row] = refusal(found)
                        case Result.FATAL:
                            raise FatalError(
                                f"the index takes no record: {refusal(found)}.",
                                remedy="Put the index right, or the connector's configuration.",
                            )
            if not again:
                return Written(malformed, superseded)
            fruitless = fruitless + 1 if len(again) == len(rows) else 0
            rows = np.array(again, dtype=np.int64)
            pause = backoff(max(1, fruitless), self._backoff, _MOST_PAUSE)
            late = time.monotonic() + pause > give_up
            if fruitless > self._retries or late or self._stopping.wait(pause):
                raise RetriableError(f"{len(rows)} records were not taken: {why}.")
            log.warning("bulk_retried", records=len(rows), at_once=self._at_once, reason=why)

    def _answers(self, lines: pa.Array, rows: Rows, give_up: float) -> Iterator[tuple[Rows, Sequence[Outcome]]]:
        """Each request with what became of its records; fewer at a time while the node is too busy for some."""
        pending: deque[tuple[Rows, Future[Sequence[Outcome]]]] = deque()
        requests = self._requests(lines, rows)
        request = next(requests, None)
        try:
            while request is not None or pending:
                if request is not None and len(pending) < self._at_once:
                    pending.append((request, self._threads.submit(self._send, lines, request, give_up)))
                    request = next(requests, None)
                    continue
                sent, answer = pending.popleft()
                outcomes = answer.result()
                busy = any(found.result is Result.AGAIN for found in outcomes)
                self._at_once = max(1, self._at_once // 2) if busy else min(self._at_once + 1, self._most_at_once)
                yield sent, outcomes
        finally:
            for _, answer in pending:
                answer.cancel()
            wait([answer for _, answer in pending])

    def _requests(self, lines: pa.Array, rows: Rows) -> Iterator[Rows]:
        for part in parts(lines, rows, self._most_bytes):
            for start in range(0, len(part), self._most_rows):
                yield part[start : start + self._most_rows]

    def _send(self, lines: pa.Array, rows: Rows, give_up: float) -> Sequence[Outcome]:
        """One request; by halves where the node refuses it as a whole for what is in it."""
        if time.monotonic() > give_up:
            return [Outcome(Result.AGAIN, reason="flush.timeout.ms has passed")] * len(rows)
        try:
            answer = self._client.bulk(joined(lines, rows))
        except RetriableError as error:
            return [Outcome(Result.AGAIN, reason=str(error).rstrip("."))] * len(rows)
        if answer.status < 300:
            if not answer.body["errors"]:
                return [DONE] * len(rows)
            return [outcome(item) for item in answer.body["items"]]
        if answer.status == _NO_SUCH_API:
            return [Outcome(Result.FATAL, reason=answer.reason)] * len(rows)
        if len(rows) > 1:
            first, second = np.array_split(rows, 2)
            return [*self._send(lines, first, give_up), *self._send(lines, second, give_up)]
        size = f" ({len(joined(lines, rows))} bytes are too large for the node)" if answer.status == _TOO_LARGE else ""
        return [Outcome(Result.MALFORMED, reason=answer.reason + size)]
