"""A small client for REST APIs that answer errors as ``{"error_code": ..., "message": ...}``."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx

from tidegate.errors import ConflictError, FatalError, NotFoundError, RetriableError


class RestClient:
    """Calls one of several equal replicas.

    Args:
        urls: base URLs separated by commas; the next one is tried when one can not be connected to.
        timeout: seconds one request may take.
    """

    def __init__(self, urls: str, *, timeout: float = 60.0) -> None:
        self.urls = [url.strip().rstrip("/") for url in urls.split(",") if url.strip()]
        self._client = httpx.Client(timeout=httpx.Timeout(timeout, connect=5.0), trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(self, method: str, path: str, *, json: Any = None, params: dict[str, Any] | None = None) -> Any:
        """The JSON a request is answered with; None for an empty answer.

        Args:
            method: HTTP method.
            path: from ``/``, its variable parts quoted.
            json: body.
            params: query.

        Raises:
            NotFoundError: 404. ConflictError: 409. RetriableError: no replica answers, or 5xx that may pass.
            FatalError: any other refusal, with the server's words.
        """
        problems = []
        for url in self.urls:
            try:
                answer = self._client.request(method, url + path, json=json, params=params)
            except httpx.ConnectError as error:
                problems.append(f"{url}: {error}")
                continue
            except httpx.UnsupportedProtocol:
                raise FatalError(f"{url} is not an http:// or https:// URL.", remedy="Correct --url.") from None
            except httpx.HTTPError as error:
                raise RetriableError(
                    f"{method} {url}{path} got no answer: {type(error).__name__} {error}".rstrip() + "."
                ) from None
            return _content(answer)
        raise RetriableError(
            f"no server answers at {', '.join(self.urls)} ({'; '.join(problems)}).",
            remedy="Check that it runs, and the address (--url).",
        )


def _content(answer: httpx.Response) -> Any:
    try:
        content = answer.json() if answer.content else None
    except ValueError:
        content = {"message": answer.text[:500]}
    if answer.is_success:
        return content
    said = content.get("message") if isinstance(content, dict) else content
    message = str(said or f"HTTP {answer.status_code}")
    match answer.status_code:
        case 404:
            raise NotFoundError(message)
        case 409:
            raise ConflictError(message)
        case 502 | 503 | 504:
            raise RetriableError(message)
        case _:
            raise FatalError(message)
