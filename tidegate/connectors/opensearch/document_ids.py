"""Document ids and versions from records. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.opensearch.json_texts import json_texts
from tidegate.records.envelope import Batch

MOST_ID_BYTES = 512
_TEXT = pa.large_string()
_HIGHEST_VERSION = 2**63 - 1

Faults = dict[int, str]
"""Row to the reason that no document can be made of it."""


def position_ids(batch: Batch) -> pa.Array:
    """``topic+partition+offset`` of each record, as large strings."""
    partition, offset = (batch.records.column(name).cast(_TEXT) for name in ("partition", "offset"))
    return pc.binary_join_element_wise(pa.scalar(batch.original_topic, _TEXT), partition, offset, pa.scalar("+", _TEXT))


def key_ids(batch: Batch) -> tuple[pa.Array, Faults]:
    """The keys as ids.

    Text is the id itself, a number in digits; a key of one field is that field's value, one of several fields is
    their JSON.

    Returns:
        n large strings, null where there is a fault; and the faults.
    """
    key = batch.key
    while pa.types.is_struct(key.type) and key.type.num_fields == 1:
        key = key.flatten()[0]
    try:
        ids = _texts(key)
    except ValueError as error:
        return pa.nulls(len(batch), _TEXT), dict.fromkeys(range(len(batch)), f"the key can not be an id: {error}")
    faults = dict.fromkeys(
        _rows(pc.is_null(ids)),
        "the key is null, and it is the document's id: give records keys, or set key.ignore=true",
    )
    sizes = pc.binary_length(ids)
    for rows, why in (
        (_rows(pc.equal(sizes, 0)), "is empty"),
        (_rows(pc.greater(sizes, MOST_ID_BYTES)), f"is longer than {MOST_ID_BYTES} bytes"),
    ):
        faults.update(dict.fromkeys(rows, f"the key {why} and can not be the document's id: set key.ignore=true"))
    return _without(ids, faults), faults


def header_versions(batch: Batch, header: str) -> tuple[pa.Array, Faults]:
    """Versions from a header of each record.

    Returns:
        n int64, null where there is a fault; and the faults.
    """
    versions: list[int | None] = []
    faults: Faults = {}
    for row, headers in enumerate(batch.records.column("headers").to_pylist()):
        values = [entry["value"] for entry in headers or () if entry["key"] == header]
        text = (values[-1] or b"").strip() if values else None
        if text is not None and text.isdigit() and int(text) <= _HIGHEST_VERSION:
            versions.append(int(text))
            continue
        versions.append(None)
        found = "is missing" if text is None else "is no whole number in digits"
        faults[row] = f"header {header!r} {found}, and external.version.header takes the version from it"
    return pa.array(versions, pa.int64()), faults


def _texts(key: pa.Array) -> pa.Array:
    types = pa.types
    kind = key.type
    if types.is_dictionary(kind):
        return _texts(key.dictionary_decode())
    if isinstance(kind, pa.BaseExtensionType):
        return _texts(key.storage)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_integer(kind):
        return key.cast(_TEXT)
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        try:
            return key.cast(pa.large_binary()).cast(_TEXT)
        except pa.ArrowInvalid:
            raise ValueError("it is bytes that are no UTF-8: set key.ignore=true") from None
    texts = json_texts(key)
    if not types.is_nested(kind):
        texts = pc.utf8_trim(texts, characters='"')
    return pc.if_else(key.is_valid(), texts, pa.scalar(None, _TEXT))


def _rows(mask: pa.Array) -> Iterable[int]:
    rows: list[int] = np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False)).tolist()
    return rows


def _without(values: pa.Array, faults: Faults) -> pa.Array:
    if not faults:
        return values
    bad = np.zeros(len(values), dtype=np.bool_)
    bad[list(faults)] = True
    return pc.if_else(pa.array(bad), pa.scalar(None, values.type), values)
