"""OpenSearch as the benchmark itself uses it."""

from __future__ import annotations

from typing import Any

import httpx

from benchmarks.errors import BenchmarkError

_DEADLINE = 60.0


class SearchIndex:
    """One index of a node.

    Args:
        url: of the node.
        name: of the index, which need not exist.
    """

    def __init__(self, url: str, name: str) -> None:
        self._index = f"{url}/{name}"

    def written(self) -> int:
        """Documents written so far, whether a search finds them yet or not; 0 where there is no such index."""
        answer = self._ask("GET", "/_stats/indexing?filter_path=_all.primaries.indexing.index_total")
        return 0 if answer is None else int(answer["_all"]["primaries"]["indexing"]["index_total"])

    def count(self) -> int:
        """Documents that a search finds; 0 where there is no such index."""
        if self._ask("POST", "/_refresh") is None:
            return 0
        answer = self._ask("GET", "/_count")
        return 0 if answer is None else int(answer["count"])

    def drop(self) -> None:
        """Delete the index with its documents."""
        self._ask("DELETE", "")

    def _ask(self, method: str, path: str) -> dict[str, Any] | None:
        answer = httpx.request(method, self._index + path, timeout=_DEADLINE, trust_env=False)
        if answer.status_code == 404:
            return None
        if answer.is_error:
            raise BenchmarkError(f"OpenSearch says {answer.status_code} to {method} {path}: {answer.text[:500]}")
        found: dict[str, Any] = answer.json()
        return found
