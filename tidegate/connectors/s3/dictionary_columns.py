"""Which columns of a Parquet file are worth a dictionary. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pyarrow as pa

_SAMPLE = 8192
# The writer gives a dictionary up when it passes a mebibyte, and has then made it for nothing.
_LARGEST_DICTIONARY = 1024 * 1024
_HALVINGS = 40


def dictionary_columns(table: pa.Table) -> list[str]:
    """The leaf columns whose dictionary and indexes take less room than their values.

    Judged from the first values, as if the others were like them: a dictionary of values that hardly ever come twice
    takes as long to make as all the rest of the file, and makes it larger.

    Args:
        table: the rows of a row group.

    Returns:
        Parquet's paths of the columns, such as ``a.list.element``.
    """
    return [
        path
        for field, column in zip(table.schema, table.columns, strict=True)
        for chunk in column.chunks[:1]
        for path, values in _leaves(field.name, chunk)
        if _is_worth_it(values, table.num_rows)
    ]


def distinct_values(seen: int, sample: int) -> float:
    """How many distinct values there are, if a sample drawn from equally frequent ones shows ``seen`` of them.

    Args:
        seen: distinct values in the sample.
        sample: values in it, 1 or more.

    Returns:
        an estimate, infinite if no value came twice.
    """
    if seen >= sample:
        return math.inf
    # Of N values a sample of n shows N(1 - exp(-n/N)), which grows with N.
    low, high = float(seen), float(sample) * sample
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle * -math.expm1(-sample / middle) < seen:
            low = middle
        else:
            high = middle
    return high


def _is_worth_it(values: pa.Array, rows: int) -> bool:
    sample = values.slice(0, _SAMPLE).drop_null()
    if not len(sample):
        return True
    try:
        seen = len(sample.unique())
    except pa.ArrowNotImplementedError:
        return True
    width = int(sample.nbytes) / len(sample)
    distinct = min(distinct_values(seen, len(sample)), float(rows))
    dictionary = distinct * width
    indexes = rows * math.log2(max(distinct, 2)) / 8
    return dictionary <= _LARGEST_DICTIONARY and dictionary + indexes < rows * width


def _leaves(path: str, values: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    kind = values.type
    if pa.types.is_struct(kind):
        for index, field in enumerate(kind):
            yield from _leaves(f"{path}.{field.name}", values.field(index))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaves(f"{path}.list.element", values.flatten())
    elif pa.types.is_map(kind):
        yield from _leaves(f"{path}.key_value.key", values.keys)
        yield from _leaves(f"{path}.key_value.value", values.items)
    else:
        yield path, values
