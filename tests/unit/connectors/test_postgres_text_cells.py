"""Text and bytes gathered from a buffer of rows: with the native extension as without it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.postgres import types

from tidegate import native
from tidegate.connectors.postgres_values.cells import PADDING, Cells
from tidegate.connectors.postgres_values.decoders import decoder

_BINARY = decoder(types["bytea"].oid, pa.binary())
_TEXT = decoder(types["text"].oid, pa.string())
_JSONB = decoder(types["jsonb"].oid, pa.string())


def _cells(values: list[bytes | None], order: list[int] | None = None) -> Cells:
    """Cells of the values, which lie in the buffer in another order."""
    data = bytearray()
    start = np.zeros(len(values), np.int64)
    length = np.full(len(values), -1, np.int32)
    for row in order if order is not None else range(len(values)):
        value = values[row]
        start[row] = len(data)
        if value is not None:
            length[row] = len(value)
            data += value
        data += b"\x00\xff"
    return Cells(np.frombuffer(bytes(data) + bytes(PADDING), np.uint8), start, length)


@given(st.data())
@pytest.mark.parametrize("extension", [native.extension, None], ids=["native", "python"])
def test_values_are_gathered_wherever_they_lie(extension: object, data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.none() | st.text(max_size=12), max_size=20))
    order = data.draw(st.permutations(range(len(texts))))
    raw = [None if one is None else one.encode() for one in texts]
    assert _BINARY is not None and _TEXT is not None and _JSONB is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "extension", extension)
        assert _BINARY.decode(_cells(raw, order))[0].equals(pa.array(raw, pa.binary()))
        assert _TEXT.decode(_cells(raw, order))[0].equals(pa.array(texts, pa.string()))
        versioned = [None if one is None else b"\x01" + one for one in raw]
        assert _JSONB.decode(_cells(versioned, order))[0].equals(pa.array(texts, pa.string()))


@pytest.mark.parametrize("extension", [native.extension, None], ids=["native", "python"])
def test_text_that_is_not_utf8_is_refused(extension: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "extension", extension)
    assert _TEXT is not None
    with pytest.raises(pa.ArrowInvalid, match="UTF8"):
        _TEXT.decode(_cells([b"fine", b"\xff\xfe"]))
