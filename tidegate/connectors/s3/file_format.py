"""File formats: what a format makes of rows, and how it writes them."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Formed:
    """Rows in the form a format writes.

    Args:
        rows: n rows; what stands in rows with a fault means nothing.
        faults: row to the reason the format can not hold it.
    """

    rows: pa.RecordBatch
    faults: Mapping[int, str] = field(default_factory=dict)


class RowWriter(ABC):
    """Writes one file."""

    @abstractmethod
    def write(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Writes gathered rows, compressed together; all of the file's schema."""

    @abstractmethod
    def close(self) -> None:
        """Writes what ends the file."""


class FileFormat(ABC):
    """One format with its settings.

    Args:
        extension: of file names, without the leading dot.
        gather_bytes: how many bytes of rows are best written together.
        open_bytes: memory an open file takes besides its rows and its unsent bytes.
    """

    def __init__(self, extension: str, gather_bytes: int, open_bytes: int) -> None:
        self.extension = extension
        self.gather_bytes = gather_bytes
        self.open_bytes = open_bytes

    @abstractmethod
    def refusal(self, kind: pa.DataType) -> str | None:
        """Why values of a type can not be written, with the remedy; None if they can."""

    @abstractmethod
    def form(self, topic: str, value: pa.Array, name: str | None) -> Formed:
        """Brings values into the form they are written in.

        A file holds rows of one schema: another one, metadata included, begins another file.

        Args:
            topic: which they are for.
            value: n values of a type without a refusal, none null.
            name: full name of their record type, if they have one.
        """

    @abstractmethod
    def writer(self, file: io.RawIOBase, schema: pa.Schema) -> RowWriter:
        """Begins a file.

        Args:
            file: takes its bytes; writing to it never fails.
            schema: of the rows to come.
        """
