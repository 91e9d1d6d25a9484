"""Consecutive messages that name one schema id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records.wire_format import HEADER_SIZE, WireFormatError, unframe


@dataclass(frozen=True, slots=True)
class SchemaRun:
    """Rows whose messages name one schema id, nulls among them.

    Args:
        schema_id: the id; None where all are null.
        rows: int32 array of row indexes, ascending.
    """

    schema_id: int | None
    rows: pa.Array


@dataclass(frozen=True, slots=True)
class SchemaRuns:
    """Messages split by schema id.

    Args:
        runs: in row order; together with the faults they name every row once.
        faults: row and reason of messages without a proper header.
    """

    runs: Sequence[SchemaRun]
    faults: Sequence[tuple[int, str]]


def schema_runs(data: pa.Array) -> SchemaRuns:
    """Splits messages in the wire format into runs of one schema id.

    Nulls go with the message before them, at the beginning with the one after them; a message without a proper header
    ends no run.
    """
    heads = pc.binary_slice(data, 0, HEADER_SIZE).dictionary_encode()
    ids: dict[int, int] = {}
    problems: dict[int, str] = {}
    for index, head in enumerate(heads.dictionary.to_pylist()):
        try:
            ids[index] = unframe(head)[0]
        except WireFormatError as error:
            problems[index] = str(error)
    if not problems and len(ids) <= 1:
        rows = pa.array(np.arange(len(heads), dtype=np.int32))
        return SchemaRuns([SchemaRun(next(iter(ids.values()), None), rows)] if len(heads) else [], [])
    runs: list[tuple[int | None, list[int]]] = []
    faults: list[tuple[int, str]] = []
    for row, head in enumerate(heads.indices.to_pylist()):
        if head is not None and head in problems:
            faults.append((row, problems[head]))
            continue
        schema_id = None if head is None else ids[head]
        if runs and (schema_id is None or runs[-1][0] in (None, schema_id)):
            last_id, rows_so_far = runs[-1]
            rows_so_far.append(row)
            runs[-1] = (last_id if schema_id is None else schema_id, rows_so_far)
        else:
            runs.append((schema_id, [row]))
    return SchemaRuns([SchemaRun(schema_id, pa.array(rows, pa.int32())) for schema_id, rows in runs], faults)
