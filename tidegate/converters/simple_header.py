"""The simple header converter: each value as the text that tells its type by its look."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tidegate.converters.base import Converter, Decoded, DecodedRun, Encoded
from tidegate.converters.scalar_text import scalar_text

if TYPE_CHECKING:
    from tidegate.registry_client import RegistryClient


class SimpleHeaderConverter(Converter):
    """Kafka Connect's default for headers: text as it is, other values as literals, such as ``[1,2]``."""

    def configure(self, config: Mapping[str, str], *, is_key: bool, registry: RegistryClient | None) -> None:
        """See the base class; there are no keys."""
        self._side = "key" if is_key else "value"

    def encode(self, topic: str, column: pa.Array, field: pa.Field) -> Encoded:
        """See the base class."""
        return Encoded(pa.array(literals(column), pa.string()).cast(pa.binary()))

    def decode(self, topic: str, data: pa.Array) -> Decoded:
        """See the base class: headers stay bytes."""
        rows = pa.array(np.arange(len(data), dtype=np.int32))
        return Decoded([DecodedRun(rows, data, pa.field(self._side, pa.binary()))] if len(data) else [])


def literals(column: pa.Array, *, embedded: bool = False) -> list[str | None]:
    """The literal of each value; null for null, and the word where it is embedded.

    Args:
        column: any type.
        embedded: whether the values stand within a list, a map or a record, where text is quoted.
    """
    kind = column.type
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return literals(_uuid_texts(column) if isinstance(kind, pa.UuidType) else column.storage, embedded=embedded)
    if types.is_dictionary(kind):
        return literals(column.dictionary_decode(), embedded=embedded)
    if types.is_struct(kind):
        names = [_quoted(child.name) for child in kind]
        children = [literals(values, embedded=True) for values in column.flatten()]
        rows = zip(*children, strict=True) if children else [()] * len(column)
        texts = [f"{{{','.join(f'{name}:{text}' for name, text in zip(names, row, strict=True))}}}" for row in rows]
    elif types.is_map(kind):
        texts = _maps(column)
    elif types.is_nested(kind):
        texts = _lists(column)
    else:
        found: list[str | None] = scalar_text(column).to_pylist()
        quoted = embedded and (types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind))
        texts = ["" if text is None else _quoted(text) if quoted else text for text in found]
    none = "null" if embedded else None
    return [text if valid else none for text, valid in zip(texts, column.is_valid().to_pylist(), strict=True)]


def _lists(column: pa.Array) -> list[str]:
    items = iter(literals(column.flatten(), embedded=True))
    lengths = [0 if length is None else length for length in column.value_lengths().to_pylist()]
    return [f"[{','.join(str(next(items)) for _ in range(length))}]" for length in lengths]


def _maps(column: pa.MapArray) -> list[str]:
    keys, values = literals(column.keys, embedded=True), literals(column.items, embedded=True)
    texts = []
    for start, end in pairwise(column.offsets.to_pylist()):
        texts.append(f"{{{','.join(f'{keys[at]}:{values[at]}' for at in range(start, end))}}}")
    return texts


def _uuid_texts(column: pa.Array) -> pa.Array:
    return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
