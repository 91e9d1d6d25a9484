"""JSON texts by columns, where the native extension is there and all is plain.

None of these functions decides anything: what is not plainly of the wanted form is left to the caller's own rules, so
that results are the same with and without the extension.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from tidegate import native


class JsonColumns(NamedTuple):
    """Objects as columns.

    Args:
        values: struct array of the rows that are plainly of the form.
        left: the other rows, ascending: no JSON, no object, or an object of another form.
    """

    values: pa.StructArray
    left: list[int]


def read_declared(texts: pa.Array, kind: pa.StructType) -> JsonColumns | None:
    """Objects of known members: whole numbers, floats, booleans, strings, lists and objects of these, in any order.

    A member that lacks is null, where it may be. An object with an unknown member is left.

    Args:
        texts: binary array.
        kind: the members.
    """
    read = _read(texts, kind)
    # Arrow's C interface, by which the type goes to the extension, ends a name at a zero.
    return read if read is not None and read.values.type == kind else None


def read_inferred(texts: pa.Array) -> JsonColumns | None:
    """Objects that all have the same members of plain types, in the same order; whole numbers widen to floats.

    Args:
        texts: binary array; null is null, as the text ``null`` is.
    """
    return _read(texts, None)


def _read(texts: pa.Array, kind: pa.StructType | None) -> JsonColumns | None:
    if native.extension is None or not len(texts):
        return None
    found = native.extension.read_json(texts, kind)
    return None if found is None else JsonColumns(pa.array(found[0]), found[1])


def connect_texts(column: pa.Array, before: bytes, after: bytes) -> pa.Array | None:
    """Values in the forms of :func:`tidegate.converters.json_values.json_values`, each between two texts."""
    return _write(column, True, before, after)


def lines(column: pa.Array) -> pa.Array | None:
    """Values as lines for people: times as text, bytes as base64; a null value is the line ``null``."""
    texts = _write(column, False, b"", b"\n")
    return None if texts is None else texts.fill_null(b"null\n")


def _write(column: pa.Array, connect: bool, before: bytes, after: bytes) -> pa.Array | None:
    if native.extension is None or _extended(column.type):
        return None
    found = native.extension.write_json(column, connect, before, after)
    return None if found is None else pa.array(found)


def _extended(kind: pa.DataType) -> bool:
    """Whether a type has a meaning besides that of its storage."""
    if isinstance(kind, pa.BaseExtensionType):
        return True
    return any(_extended(kind.field(index).type) for index in range(kind.num_fields))
