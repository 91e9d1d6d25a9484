"""What a converter is: columns to bytes for Kafka, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from tidegate.records.faults import RecordFault

if TYPE_CHECKING:
    from tidegate.registry_client import RegistryClient


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column ready for Kafka.

    Args:
        data: binary array of n entries; null for null and for rows with a fault.
        faults: rows that could not be encoded. A schema the registry refuses is a fault of every row.
    """

    data: pa.Array
    faults: Sequence[RecordFault] = ()


@dataclass(frozen=True, slots=True)
class DecodedRun:
    """Consecutive good rows that share a schema.

    Args:
        rows: int32 array of row indexes into the input, ascending.
        values: the decoded column, as long as ``rows``.
        field: its type, nullability and metadata (schema name and id).
    """

    rows: pa.Array
    values: pa.Array
    field: pa.Field


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of a column of bytes: runs in row order, and the rows that are in none of them."""

    runs: Sequence[DecodedRun]
    faults: Sequence[RecordFault] = ()


class Converter(ABC):
    """Encodes and decodes the key or the value column of one connector.

    One instance serves one task process and one side (key or value); it is used from one thread.
    """

    @abstractmethod
    def configure(self, config: Mapping[str, str], *, is_key: bool, registry: RegistryClient | None) -> None:
        """Called once before use, with the keys below ``key.converter.`` or ``value.converter.``, prefix removed.

        Raises:
            ConfigError: a value is unusable.
        """

    @abstractmethod
    def encode(self, topic: str, column: pa.Array, field: pa.Field) -> Encoded:
        """Encodes a column for a topic.

        Raises:
            RetriableError: the registry is away; nothing was encoded.
        """

    @abstractmethod
    def decode(self, topic: str, data: pa.Array) -> Decoded:
        """Decodes messages. A null stays null in a run with its neighbours' schema (a tombstone).

        Args:
            topic: where they come from.
            data: binary array.

        Raises:
            RetriableError: the registry is away; nothing was decoded.
        """
