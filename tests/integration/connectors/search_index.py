"""Reading back what is in a real node."""

from __future__ import annotations

import uuid
from typing import Any

import httpx


class SearchIndex:
    """A node's REST API as a test asks it.

    Args:
        url: of the node.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer that is no error."""
        answer = self._http.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def hits(self, index: str) -> list[dict[str, Any]]:
        """All documents of an index with their ids and versions."""
        if self._http.head(f"/{index}").status_code == 404:
            return []
        self.call("POST", f"/{index}/_refresh")
        page = self.call("POST", f"/{index}/_search?scroll=1m", {"size": 5_000, "version": True, "sort": ["_doc"]})
        found: list[dict[str, Any]] = []
        while page["hits"]["hits"]:
            found += page["hits"]["hits"]
            page = self.call("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})
        self.call("DELETE", "/_search/scroll", {"scroll_id": page["_scroll_id"]})
        return found

    def documents(self, index: str) -> dict[str, Any]:
        """Id to document."""
        return {hit["_id"]: hit["_source"] for hit in self.hits(index)}

    def count(self, index: str) -> int:
        """How many documents an index has; 0 if there is none."""
        if self._http.head(f"/{index}").status_code == 404:
            return 0
        self.call("POST", f"/{index}/_refresh")
        return int(self.call("GET", f"/{index}/_count")["count"])

    def mapping(self, index: str) -> dict[str, Any]:
        """Field to mapping."""
        (found,) = self.call("GET", f"/{index}/_mapping").values()
        properties: dict[str, Any] = found["mappings"].get("properties", {})
        return properties


def fresh_topic() -> str:
    """A topic, and so an index, of one test."""
    return f"t{uuid.uuid4().hex[:12]}"
