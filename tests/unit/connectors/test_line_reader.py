"""Lines are cut as Python would cut them, wherever a block of the file happens to end."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.connectors.file import line_reader
from tidegate.connectors.file.line_reader import LineReader

LINE_MAX = 5


def plainly(data: bytes) -> list[tuple[bytes, int]]:
    """Complete lines that are not blank, each with the position after it."""
    *lines, _ = data.split(b"\n")
    found, position = [], 0
    for line in lines:
        position += len(line) + 1
        if line.strip():
            found.append((line[: LINE_MAX + 1].removesuffix(b"\r"), position))
    return found


@given(
    pieces=st.lists(st.text("a \r\n\tb", max_size=12).map(str.encode), max_size=6),
    block=st.integers(1, 9),
    limit=st.integers(1, 4),
)
def test_lines_are_those_that_a_plain_cut_gives(pieces: list[bytes], block: int, limit: int) -> None:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_reader, "_READ_BYTES", block)
        path = Path(directory) / "lines"
        path.touch()
        reader = LineReader(path, 0, LINE_MAX)
        found: list[tuple[bytes, int]] = []
        written = b""
        for piece in pieces:
            written += piece
            path.write_bytes(written)
            # A block may hold no whole line, so nothing is the end only after as many blocks as there can be.
            for _ in range(2 * len(piece) + 2):
                lines = reader.read(limit)
                assert len(lines) <= limit
                assert lines.may_be_too_long or all(len(line) <= LINE_MAX for line, _ in lines)
                found += lines
        reader.close()
    assert found == plainly(written)
