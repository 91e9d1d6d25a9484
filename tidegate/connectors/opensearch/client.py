"""Requests to OpenSearch or Elasticsearch: deadlines, another node where one is away, and what answers mean."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from tidegate.connectors.opensearch.outcomes import words
from tidegate.connectors.opensearch.tls import tls_context
from tidegate.errors import FatalError, RetriableError
from tidegate.sdk.config_def import Config

_AWAY = frozenset({408, 429, 500, 502, 503, 504})
_BULK = "/_bulk?filter_path=errors,items.*.status,items.*.error"
_NDJSON = "application/x-ndjson"
_JSON = "application/json"
_GZIP_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node says.

    Args:
        status: HTTP status.
        body: parsed JSON, or the text where it is none.
    """

    status: int
    body: Any

    @property
    def reason(self) -> str:
        """Why the request was refused, in the node's words."""
        return words(self.body) or f"HTTP status {self.status}"


class Client:
    """A pool of connections to the nodes. May be used by several threads at once.

    Args:
        config: the connector's configuration.
        deadline_ms: bounds every deadline, for validation; None for what the configuration says.

    Raises:
        ConfigError: a file of the TLS configuration can not be read.
    """

    def __init__(self, config: Config, *, deadline_ms: int | None = None) -> None:
        self.urls: list[str] = [url.rstrip("/") for url in config["connection.url"]]
        self._compress: bool = config["connection.compression"]
        self._preferred = 0
        self._lock = threading.Lock()
        most = float("inf") if deadline_ms is None else deadline_ms
        read = min(config["read.timeout.ms"], most) / 1000
        connect = min(config["connection.timeout.ms"], most) / 1000
        user, password = config["connection.username"], config["connection.password"]
        connections = config["max.in.flight.requests"]
        self._http = httpx.Client(
            auth=(user, password) if user and password else None,
            timeout=httpx.Timeout(read, connect=connect),
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=config["max.connection.idle.time.ms"] / 1000,
            ),
            verify=tls_context(config),
            proxy=_proxy(config),
            trust_env=False,
        )

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def bulk(self, lines: bytes | memoryview) -> Answer:
        """Sends the lines of a bulk request.

        Raises:
            RetriableError: no node answered in time, or it says that the same may succeed later (429, 5xx).
            FatalError: the request is not allowed, or there is no such API at the URL.
        """
        return self._send("POST", _BULK, bytes(lines), _NDJSON)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Sends a request; an answer of status 400, 404 or 409 is the caller's to judge.

        Args:
            method: HTTP method.
            path: from ``/``, its variable parts quoted.
            body: sent as JSON.

        Raises:
            RetriableError: see :meth:`bulk`.
            FatalError: see :meth:`bulk`.
        """
        return self._send(method, path, b"" if body is None else orjson.dumps(body), _JSON)

    def _send(self, method: str, path: str, content: bytes, kind: str) -> Answer:
        headers = {"Content-Type": kind} if content else {}
        if content and self._compress:
            content = gzip.compress(content, _GZIP_LEVEL)
            headers["Content-Encoding"] = "gzip"
        problems = []
        first = self._preferred
        for step in range(len(self.urls)):
            number = (first + step) % len(self.urls)
            url = self.urls[number]
            try:
                answer = self._http.request(method, url + path, content=content, headers=headers)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                problems.append(f"{url}: {error}")
                continue
            except httpx.HTTPError as error:
                # The node may have done it or not. Another one is asked by the retry.
                self._prefer(number + 1)
                raise RetriableError(f"{url} does not answer: {type(error).__name__} {error}".rstrip() + ".") from None
            self._prefer(number)
            return self._judged(url, answer)
        raise RetriableError(
            f"no node can be connected to ({'; '.join(problems)}).", remedy="Check that it runs, and connection.url."
        )

    def _prefer(self, number: int) -> None:
        with self._lock:
            self._preferred = number % len(self.urls)

    def _judged(self, url: str, answer: httpx.Response) -> Answer:
        found = Answer(answer.status_code, _content(answer))
        if found.status in _AWAY:
            raise RetriableError(f"{url} says {found.status}: {found.reason}.")
        if found.status in (401, 403):
            raise FatalError(
                f"{url} says {found.status}: {found.reason}.",
                remedy="Correct connection.username and connection.password, or give the user the rights it needs.",
            )
        if 300 <= found.status < 400 or found.status == 405:
            raise FatalError(f"{url} says {found.status}: this is no node's URL.", remedy="Correct connection.url.")
        return found


def _content(answer: httpx.Response) -> Any:
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return answer.text[:500]


def _proxy(config: Config) -> httpx.Proxy | None:
    if not config["proxy.host"]:
        return None
    user = config["proxy.username"]
    return httpx.Proxy(
        f"http://{config['proxy.host']}:{config['proxy.port']}",
        auth=(user, config["proxy.password"]) if user else None,
    )
