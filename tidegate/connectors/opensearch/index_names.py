"""Names of indices and data streams. Pure."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa

from tidegate.connectors.opensearch.options import Options
from tidegate.java.date_format import DateFormat
from tidegate.records.envelope import Batch
from tidegate.records.lines import Rows

_MOST_BYTES = 255
_FORBIDDEN = re.compile(r'[\\/*?"<>| ,#:]')
_NOT_OF_A_STREAM = re.compile(r"[^a-z0-9_.]")


def index_names(batch: Batch, options: Options) -> tuple[dict[str, Rows], Rows]:
    """Where the records of a batch go.

    Returns:
        The rows of each index, and the rows that have no time though the index is named after it.
    """
    topic = options.resources.get(batch.topic, batch.topic)
    every = np.arange(len(batch), dtype=np.int64)
    none = every[:0]
    if options.data_stream is not None:
        stream = options.data_stream
        part = _NOT_OF_A_STREAM.sub("_", topic.lower())[:100]
        dataset, namespace = (text.replace("${topic}", part) for text in (stream.dataset, stream.namespace))
        return {f"{stream.type}-{dataset}-{namespace}": every}, none
    if not options.by_time:
        return {valid_name(options.index_format.replace("${topic}", topic)): every}, none
    stamps = batch.records.column("timestamp").cast(pa.int64())
    texts = DateFormat(options.timestamp_format).format(stamps).dictionary_encode()
    codes = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    found: dict[str, Rows] = {}
    for code, text in enumerate(texts.dictionary.to_pylist()):
        name = valid_name(options.index_format.replace("${topic}", topic).replace("${timestamp}", text))
        rows = np.flatnonzero(codes == code).astype(np.int64)
        found[name] = np.union1d(found[name], rows) if name in found else rows
    return found, np.flatnonzero(codes < 0).astype(np.int64)


def valid_name(text: str) -> str:
    """The text as a name that an index can have: lower case, without forbidden characters, at most 255 bytes."""
    name = _FORBIDDEN.sub("_", text.lower()).lstrip("-_+")
    while len(name.encode()) > _MOST_BYTES:
        name = name[:-1]
    return {".": "dot", "..": "dotdot", "": "empty"}.get(name, name)
