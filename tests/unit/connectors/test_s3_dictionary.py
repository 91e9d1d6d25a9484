"""Which columns of a Parquet file get a dictionary, and that the file stays the same to readers."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.connectors.s3.dictionary_columns import dictionary_columns, distinct_values
from tidegate.connectors.s3.parquet_format import ParquetFormat

_ROWS = 20_000


class _File(io.RawIOBase):
    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return len(self.data)

    def write(self, data: object) -> int:
        self.data += bytes(data)  # type: ignore[call-overload]
        return len(self.data)


def _table() -> pa.Table:
    numbers = range(_ROWS)
    return pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "kind": pa.array([f"kind {n % 5}" for n in numbers]),
            "empty": pa.nulls(_ROWS, pa.string()),
            "person": pa.array([{"name": f"name {n}", "town": f"town {n % 7}"} for n in numbers]),
            "tags": pa.array([[f"tag {n % 3}", "x"] for n in numbers]),
            "labels": pa.array([[("colour", f"value {n}")] for n in numbers], pa.map_(pa.string(), pa.string())),
        }
    )


def _written(table: pa.Table) -> bytes:
    file = _File()
    writer = ParquetFormat("zstd", 1 << 20).writer(file, table.schema)
    writer.write(table.to_batches())
    writer.close()
    return file.data


def test_values_that_come_again_get_a_dictionary_and_others_do_not() -> None:
    assert dictionary_columns(_table()) == [
        "kind",
        "empty",
        "person.town",
        "tags.list.element",
        "labels.key_value.key",
    ]


def test_the_files_columns_have_the_dictionaries_that_were_chosen() -> None:
    found = pq.ParquetFile(io.BytesIO(_written(_table()))).metadata.row_group(0)
    columns = [found.column(index) for index in range(found.num_columns)]
    with_dictionary = {each.path_in_schema for each in columns if "RLE_DICTIONARY" in each.encodings}
    assert with_dictionary == set(dictionary_columns(_table()))


@pytest.mark.parametrize("rows", [0, 1, _ROWS])
def test_readers_see_what_was_written(rows: int) -> None:
    table = _table().slice(0, rows)
    assert pq.read_table(io.BytesIO(_written(table))).equals(table)


def test_a_file_without_rows_can_be_read() -> None:
    file = _File()
    ParquetFormat("zstd", 1 << 20).writer(file, _table().schema).close()
    assert pq.read_table(io.BytesIO(file.data)).num_rows == 0


@given(st.integers(2, 2_000), st.integers(1, 8_000))
def test_the_estimate_of_distinct_values_is_never_below_those_seen(sample: int, seen: int) -> None:
    assert distinct_values(min(seen, sample), sample) >= min(seen, sample)


def test_distinct_values_are_estimated_from_a_sample() -> None:
    # 10,000 equally frequent values show about 5,593 of them in 8,192 draws.
    assert distinct_values(5_593, 8_192) == pytest.approx(10_000, rel=0.01)
