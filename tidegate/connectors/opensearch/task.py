"""The task of the OpenSearch sink."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from tidegate.connectors.opensearch.actions import Actions, actions
from tidegate.connectors.opensearch.bulk import BulkWriter
from tidegate.connectors.opensearch.client import Client
from tidegate.connectors.opensearch.index_names import index_names
from tidegate.connectors.opensearch.indices import Indices
from tidegate.connectors.opensearch.mapping import projected
from tidegate.connectors.opensearch.options import IGNORE, WARN, Options
from tidegate.errors import FatalError
from tidegate.records.envelope import SCHEMALESS, Batch
from tidegate.records.lines import Rows
from tidegate.records.reason import DRIFT, Reason, rule_of
from tidegate.sdk.config_def import Config
from tidegate.sdk.drift import FAIL, KEY
from tidegate.sdk.sink import SinkContext, SinkTask
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)


class OpenSearchSinkTask(SinkTask):
    """Writes records as documents. What ``put`` was given is in the index when it returns, so no commit has to wait."""

    _client: Client | None = None
    _writer: BulkWriter | None = None

    def start(self, config: Config, context: SinkContext) -> None:
        self._context = context
        self._options = Options.from_config(config)
        self._slice: int = config["max.buffered.records"]
        self._on_malformed: str = config["behavior.on.malformed.documents"]
        self._drop_invalid: bool = config["drop.invalid.message"]
        self._tolerant = config.originals.get("errors.tolerance") == "all"
        self._fails_on_drift = config.originals.get(KEY) == FAIL
        self._client = Client(config)
        self._writer = BulkWriter(self._client, config, context.stopping)
        self._indices = Indices(self._client, self._options)
        answer = self._client.call("GET", "/")
        if answer.status >= 300:
            raise FatalError(f"{self._client.urls[0]} says {answer.status}.", remedy="Correct connection.url.")

    def put(self, batch: Batch) -> None:
        for start in range(0, len(batch), self._slice):
            part = batch.slice(start, self._slice)
            rows = np.arange(start, start + len(part), dtype=np.int64)
            if not self._options.project or self._schema(part) is None:
                self._put(batch, rows, part)
                continue
            names, timeless = index_names(part, self._options)
            for name, some in (*names.items(), (None, timeless)):
                if len(some):
                    self._put(batch, rows[some], self._projected(part.take(pa.array(some)), name))

    def stop(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._client is not None:
            self._client.close()

    def _put(self, batch: Batch, rows: Rows, part: Batch) -> None:
        """Writes part of a batch: its rows of these numbers.

        The records after one that ends the task are written as well. That is no harm: they are read again, and the
        index takes them for what they are.
        """
        assert self._writer is not None
        asked = actions(part, self._options)
        for name in asked.indices:
            self._indices.ensure(name, self._schema(part))
        malformed: dict[int, str] = {}
        superseded = 0
        for wave in _waves(asked):
            written = self._writer.write(asked.lines, wave)
            malformed |= written.malformed
            superseded += written.superseded
        if superseded:
            log.info(
                "records_superseded",
                connector=self._context.connector,
                topic=part.topic,
                records=superseded,
                reason="the index has the same or a later version of their documents",
            )
        self._report(batch, rows, asked, malformed)

    def _projected(self, part: Batch, name: str | None) -> Batch:
        """Records of one index without the fields it has no mapping for; None for those that go nowhere."""
        if name is None:
            return part
        value = projected(part.value, self._indices.ensure(name, self._schema(part)))
        field = part.value_field.with_type(value.type)
        at = part.records.schema.get_field_index("value")
        return part.with_records(part.records.set_column(at, field, value))

    def _schema(self, batch: Batch) -> pa.DataType | None:
        """Type of the records, where mappings are made from it."""
        field = batch.value_field
        schemaless = (field.metadata or {}).get(SCHEMALESS) == b"true"
        if schemaless or not pa.types.is_struct(field.type) or self._options.ignores_schema(batch.topic):
            return None
        return field.type

    def _report(self, batch: Batch, rows: Rows, asked: Actions, malformed: Mapping[int, str]) -> None:
        """Halts or passes over what was not written, in the order of the records."""
        reasons = {**asked.invalid, **asked.tombstones, **malformed}
        for row, why in sorted(reasons.items()):
            passed = self._drop_invalid if row in asked.invalid else row in malformed and self._passes_malformed
            if passed and not self._tolerant and not (self._fails_on_drift and rule_of(why, "") in DRIFT):
                tell = log.warning if row in asked.invalid or self._on_malformed == WARN else log.debug
                tell("record_dropped", connector=self._context.connector, topic=batch.topic, reason=why)
                continue
            sentence = f"the document can not be written: {why}"
            named = Reason(sentence, why.rule, why.path) if isinstance(why, Reason) else sentence
            self._context.report(batch, int(rows[row]), named)

    @property
    def _passes_malformed(self) -> bool:
        return self._on_malformed in (WARN, IGNORE)


def _waves(asked: Actions) -> Iterator[Rows]:
    """The records in runs that may be sent in any order.

    Partial updates of one document have to be made one after the other: each run has one of a document at most, and
    ends before the next begins.
    """
    if asked.repeatable or asked.ids is None:
        if len(asked.rows):
            yield asked.rows
        return
    seen: dict[str | None, int] = defaultdict(int)
    wave = np.zeros(len(asked.rows), dtype=np.int64)
    for number, id_ in enumerate(asked.ids.take(pa.array(asked.rows)).to_pylist()):
        wave[number] = seen[id_]
        seen[id_] += 1
    for number in range(int(wave.max(initial=-1)) + 1):
        yield asked.rows[wave == number]
