"""Indices and data streams: made with their mappings before the first record, and widened by new fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from tidegate.connectors.opensearch.client import Answer, Client
from tidegate.connectors.opensearch.mapping import Properties, missing, properties
from tidegate.connectors.opensearch.options import Options
from tidegate.errors import FatalError
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_TEMPLATE_PRIORITY = 200
_TIMESTAMP = "@timestamp"
_EXISTS = "resource_already_exists_exception"


class Indices:
    """What the task knows of the indices it writes to.

    Args:
        client: speaks to the nodes.
        options: the connector's.
    """

    def __init__(self, client: Client, options: Options) -> None:
        self._client = client
        self._options = options
        self._known: dict[str, Properties] = {}
        self._seen: dict[str, pa.DataType | None] = {}

    def ensure(self, name: str, record: pa.DataType | None) -> Properties:
        """Makes an index or data stream where it is missing, and adds mappings for fields it has none for.

        A field that is mapped in another way stays so: the node says then which values it takes. Where records are
        projected nothing is added.

        Args:
            name: of the index, alias or data stream.
            record: type of the records; None where mappings are left to the node.

        Returns:
            The mappings it has.

        Raises:
            RetriableError: the nodes are away.
            FatalError: it can not be made.
        """
        if name in self._seen and self._seen[name] == record:
            return self._known[name]
        wanted: Properties = {}
        if record is not None:
            wanted = properties(record, compact_maps=self._options.compact_maps)
        known = self._known.get(name)
        if known is None:
            known = self._read(name)
        if known is None:
            known = self._make(name, wanted)
        lacking = {} if self._options.project else missing(wanted, known)
        if lacking:
            known = self._widen(name, lacking, known)
        self._known[name] = known
        self._seen[name] = record
        return known

    def forget(self, name: str) -> None:
        """Asks the node anew, the next time."""
        self._known.pop(name, None)
        self._seen.pop(name, None)

    def _read(self, name: str) -> Properties | None:
        """The mappings of the index, or of all indices that the name stands for; None if there is none."""
        answer = self._client.call("GET", f"/{quote(name, safe='')}/_mapping")
        if answer.status == 404:
            return None
        self._check(answer, f"the mapping of {name} can not be read")
        found: Properties = {}
        for index in answer.body.values():
            found = _united(found, index["mappings"].get("properties", {}))
        return found if answer.body else None

    def _make(self, name: str, wanted: Properties) -> Properties:
        if self._options.data_stream is not None:
            self._make_stream(name, wanted)
        else:
            settings = {"index.gc_deletes": f"{self._options.gc_deletes_ms}ms"}
            body: dict[str, Any] = {"settings": settings, "mappings": {"properties": wanted}}
            answer = self._client.call("PUT", f"/{quote(name, safe='')}", body)
            if not _made_meanwhile(answer):
                self._check(answer, f"index {name} can not be made")
                log.info("index_made", index=name)
        # A template or another task may have had a say.
        return self._read(name) or {}

    def _make_stream(self, name: str, wanted: Properties) -> None:
        path = f"/_data_stream/{quote(name, safe='')}"
        answer = self._client.call("PUT", path)
        if answer.status == 400 and "no matching index template" in answer.reason:
            mappings = {"properties": {**wanted, _TIMESTAMP: {"type": "date"}}}
            template = {
                "index_patterns": [name],
                "data_stream": {},
                "priority": _TEMPLATE_PRIORITY,
                "template": {"mappings": mappings},
            }
            made = self._client.call("PUT", f"/_index_template/{quote('tidegate-' + name, safe='')}", template)
            self._check(made, f"the index template of data stream {name} can not be made")
            answer = self._client.call("PUT", path)
        if not _made_meanwhile(answer):
            self._check(answer, f"data stream {name} can not be made")
            log.info("data_stream_made", data_stream=name)

    def _widen(self, name: str, lacking: Properties, known: Properties) -> Properties:
        answer = self._client.call("PUT", f"/{quote(name, safe='')}/_mapping", {"properties": lacking})
        if answer.status == 400:
            # Another task, or a document, may have added the fields meanwhile.
            found = self._read(name) or {}
            if not missing(lacking, found):
                return found
        self._check(answer, f"the fields {', '.join(sorted(lacking))} can not be added to the mapping of {name}")
        log.info("mapping_widened", index=name, fields=sorted(lacking))
        return _united(known, lacking)

    def _check(self, answer: Answer, what: str) -> None:
        if answer.status >= 300:
            raise FatalError(
                f"{what}: {answer.reason}.",
                remedy="Do it by hand, or leave mappings to the node with schema.ignore=true.",
            )


def _made_meanwhile(answer: Answer) -> bool:
    return answer.status == 400 and _EXISTS in answer.reason


def _united(left: Mapping[str, Any], right: Mapping[str, Any]) -> Properties:
    found: Properties = dict(left)
    for name, mapping in right.items():
        if name in found and "properties" in found[name] and "properties" in mapping:
            inner = _united(found[name]["properties"], mapping["properties"])
            found[name] = {**found[name], "properties": inner}
        else:
            found.setdefault(name, mapping)
    return found
