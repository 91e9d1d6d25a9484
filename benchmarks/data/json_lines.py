"""Tables as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pyarrow as pa

from benchmarks.data.tables import data_dir, table

_CHUNK_ROWS = 50_000


def json_lines(rows: pa.Table) -> Iterator[list[bytes]]:
    """The rows as JSON objects, in chunks; dates and times as text, decimals as numbers."""
    fields = [pa.field(each.name, _json_type(each.type), each.nullable) for each in rows.schema]
    plain = rows.cast(pa.schema(fields))
    for chunk in plain.to_batches(max_chunksize=_CHUNK_ROWS):
        yield [orjson.dumps(row) for row in chunk.to_pylist()]


def json_file(name: str, rows: int, part: int = 0, parts: int = 1) -> Path:
    """A file of JSON lines, made once and kept.

    Args:
        name: a data set.
        rows: of the whole set.
        part: which piece of it.
        parts: into how many equal pieces it is cut.
    """
    path = data_dir() / f"{name}-{rows}-{part}of{parts}.jsonl"
    if not path.exists():
        share = rows // parts
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            for lines in json_lines(table(name, rows).slice(part * share, share)):
                file.write(b"\n".join(lines) + b"\n")
        unfinished.rename(path)
    return path


def _json_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return pa.string()
    return kind
