"""Sets of transactions, places in the log, and row images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.connectors.cdc.snapshot_position import ReadUpTo, SnapshotProgress
from tidegate.connectors.mysql_cdc import table_map
from tidegate.connectors.mysql_cdc.gtid import MariaDbGtids, MySqlGtids
from tidegate.connectors.mysql_cdc.position import Position, bytes_behind, place_of
from tidegate.connectors.mysql_cdc.row_images import locate
from tidegate.connectors.mysql_cdc.table_map import MapColumn
from tidegate.connectors.postgres_values.cells import PADDING

A, B = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "4e11fa47-71ca-11e1-9e33-c80aa9429562"


def test_mariadb_keeps_the_last_of_each_domain() -> None:
    gtids = MariaDbGtids("0-1-100,5-2-7")
    gtids.add("0-3-101")
    assert str(gtids) == "0-3-101,5-2-7"
    with pytest.raises(ValueError, match="0-1-100"):
        MariaDbGtids("1:2")


@given(st.permutations(list(range(1, 12))), st.integers(1, 11))
def test_mysql_ranges_are_those_of_the_numbers(numbers: list[int], left_out: int) -> None:
    gtids = MySqlGtids()
    for number in numbers:
        if number != left_out:
            gtids.add(f"{A}:{number}")
    held = {number for number in range(1, 12) if number != left_out}
    ranges = [part.split("-") for part in str(gtids).split(":")[1:]] if held else []
    ranges = [[*one] for one in (part.split("-") for part in str(gtids).removeprefix(A + ":").split(":"))]
    assert {number for one in ranges for number in range(int(one[0]), int(one[-1]) + 1)} == held
    assert str(MySqlGtids(str(gtids))) == str(gtids)


def test_mysql_sets_as_the_protocol_has_them() -> None:
    gtids = MySqlGtids(f"{A}:1-5:7,\n{B}:3")
    assert str(gtids) == f"{A}:1-5:7,{B}:3"
    data = gtids.encoded()
    assert (len(data), int.from_bytes(data[:8], "little")) == (8 + 16 + 8 + 32 + 16 + 8 + 16, 2)
    assert data[24:48] == (2).to_bytes(8, "little") + (1).to_bytes(8, "little") + (6).to_bytes(8, "little")


def test_places_grow_along_the_log() -> None:
    places = [("bin.000009", 4), ("bin.000009", 5_000_000_000), ("bin.000010", 4), ("bin.1000000", 4)]
    numbers = [place_of(*one) for one in places]
    assert numbers == sorted(numbers)


def test_how_much_of_the_log_comes_after_a_place() -> None:
    files = {"bin.000008": 1000, "bin.000009": 500, "bin.000010": 70}
    assert bytes_behind(files, "bin.000008", 900) == 100 + 500 + 70
    assert bytes_behind(files, "bin.000010", 70) == 0
    # The file was being written between the two looks.
    assert bytes_behind(files, "bin.000010", 80) == 0
    assert bytes_behind(files, "bin.000007", 4) is None


def test_a_position_is_read_as_it_was_kept() -> None:
    position = Position(
        "bin.1", 4, "0-1-2", "0-1-3", 7, 1, 2, "s", boundary=9,
        ranges={"d.t": [ReadUpTo(("1", "a"), 5), ReadUpTo(None, 9)]}, snapshot=SnapshotProgress(frozenset({"d.u"}), 3),
    )  # fmt: skip
    assert Position.of(position.offset()) == position


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[MapColumn], list[list[list[bytes | None]]]]:
    kinds = {
        "int": (MapColumn(table_map.LONG, 0, nullable=True), st.binary(min_size=4, max_size=4)),
        "short": (MapColumn(table_map.VARCHAR, 255, nullable=True), st.binary(max_size=255)),
        "long": (MapColumn(table_map.VARCHAR, 256, nullable=True), st.binary(max_size=300)),
        "blob": (MapColumn(table_map.BLOB, 3, nullable=True), st.binary(max_size=40)),
        "bit": (MapColumn(table_map.BIT, 0x0101, nullable=True), st.binary(min_size=2, max_size=2)),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=10))
    row = st.tuples(*(st.none() | kinds[one][1] for one in chosen)).map(list)
    events = draw(st.lists(st.lists(row, min_size=1, max_size=4), min_size=1, max_size=5))
    return [kinds[one][0] for one in chosen], events


def _row(columns: list[MapColumn], values: list[bytes | None]) -> bytes:
    nulls = np.packbits([value is None for value in values], bitorder="little").tobytes()
    parts = [nulls]
    for column, value in zip(columns, values, strict=True):
        if value is not None:
            prefix = b"" if column.fixed is not None else len(value).to_bytes(column.prefix, "little")
            parts.append(prefix + value)
    return b"".join(parts)


@given(tables())
def test_rows_are_found_in_the_order_of_events(case: tuple[list[MapColumn], list[list[list[bytes | None]]]]) -> None:
    columns, events = case
    bodies = [b"".join(_row(columns, row) for row in rows) for rows in events]
    data = np.frombuffer(b"".join(bodies) + bytes(PADDING), np.uint8)
    sizes = np.array([len(body) for body in bodies], np.int64)
    start = np.cumsum(sizes) - sizes
    found = locate(data, start, start + sizes, columns, told=[np.ones(len(columns), np.bool_)])
    (image,) = found.images
    rows = []
    for row in range(len(found.event)):
        values = []
        for place in range(len(columns)):
            at, size = int(image.start[place][row]), int(image.length[place][row])
            values.append(None if size < 0 else data[at : at + size].tobytes())
        rows.append(values)
    assert rows == [row for rows in events for row in rows]
    assert found.row.tolist() == [number for rows in events for number in range(len(rows))]


def test_a_table_described_wrongly_is_noticed() -> None:
    data = np.frombuffer(b"\x00abcd\x00" + bytes(PADDING), np.uint8)
    columns = [MapColumn(table_map.LONG, 0, nullable=True)]
    with pytest.raises(ValueError, match="described wrongly"):
        locate(data, np.array([0]), np.array([6]), columns, told=[np.ones(1, np.bool_)])
