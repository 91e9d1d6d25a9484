"""The Rust extension of ``native/``; :mod:`tidegate.native` says whether it is there."""

from collections.abc import Sequence
from typing import Any

INTERFACE: int

class Column:
    """An Arrow array on its way to Python: ``pyarrow.array(column)`` takes it over without a copy."""

    def __arrow_c_array__(self, requested_schema: Any = None) -> tuple[Any, Any]: ...

class AvroDecoder:
    """Reads Avro data; takes a :class:`tidegate.records.native_codec.NativeType`."""

    def __init__(self, schema: Any) -> None: ...
    def decode(self, data: Any, skip: int) -> tuple[Column, Column, Sequence[tuple[int, str]]]:
        """Rows that could be read, their values, and row and reason of the others.

        Raises:
            OverflowError: the values are more than one column holds.
        """

class AvroEncoder:
    """Writes Avro data; takes a plan of :mod:`tidegate.records.native_plan`."""

    def __init__(self, plan: Any) -> None: ...
    def encode(self, column: Any, prefix: bytes) -> tuple[Column, Sequence[tuple[int, str]]]:
        """The data, null for null rows and faults, and row and reason of the faults.

        Raises:
            OverflowError: the data are more than one column holds.
            TypeError: the column is not of the type that the plan is for.
        """

class ProtobufDecoder:
    """Reads Protobuf messages; takes a plan of :mod:`tidegate.records.protobuf.reading_plan` and the values' type.

    Raises:
        TypeError: the plan is not for values of the type.
    """

    def __init__(self, plan: Any, arrow: Any) -> None: ...
    def decode(self, data: Any, skip: int, indexes: bytes) -> tuple[Column, Column, Column]:
        """Rows that were read, their values, and the rows left to the caller.

        Raises:
            OverflowError: the values are more than one column holds.
        """

class ProtobufEncoder:
    """Writes Protobuf messages; takes a plan of :mod:`tidegate.records.protobuf.writing_plan`."""

    def __init__(self, plan: Any) -> None: ...
    def encode(self, column: Any, prefix: bytes) -> tuple[Column, Column]:
        """The messages, null for null rows and those left to the caller, and these.

        Raises:
            OverflowError: the data are more than one column holds.
            TypeError: the column is not of the type that the plan is for.
        """

def protobuf_runs(data: Any, skip: int) -> Sequence[tuple[int, int, bytes | None]]:
    """See :class:`tidegate.records.protobuf.codec.ProtobufCodec`."""

def gather_cells(data: Any, start: Any, length: Any, skip: int, text: bool) -> Column | None:
    """Values that lie anywhere in a buffer as a column; None leaves them to the caller.

    Args:
        data: a buffer of bytes.
        start: a buffer of 64-bit integers, for each value where it begins.
        length: a buffer of 32-bit integers, the lengths, negative for null.
        skip: bytes at the beginning of each value that are no part of it.
        text: a string column, which is None where a value is not UTF-8; else a binary one.
    """

def read_json(data: Any, kind: Any | None) -> tuple[Column, Sequence[int]] | None:
    """JSON objects as a struct column, and the rows left to the caller; None leaves all.

    Without a type all objects have the same members of plain types, in the same order.
    """

def write_json(column: Any, connect: bool, before: bytes, after: bytes) -> Column | None:
    """A JSON text a row between two others, null for null; None leaves all to the caller."""

class KafkaClientError(Exception):
    """What librdkafka reports: code, text, fatal, retriable, whether the transaction must be aborted."""

Position = tuple[str, int, int, bytes | None]
"""Topic, partition, offset, metadata."""

class KafkaProducer:
    """A transactional producer on the librdkafka that the extension module ``library`` is linked with."""

    def __init__(self, library: str, properties: Sequence[tuple[str, str]]) -> None: ...
    def produce(
        self,
        topic: str,
        values: Any,
        keys: Any | None,
        headers: Any | None,
        timestamps: Any | None,
        common: Sequence[tuple[str, bytes | None]],
        skip: Sequence[int],
        partition: int,
        start: int,
    ) -> tuple[int, int]:
        """Queues rows from ``start`` on; the row after the last queued, and the bytes queued."""
    def poll(self, seconds: float) -> None: ...
    def init_transactions(self, seconds: float) -> None: ...
    def begin_transaction(self) -> None: ...
    def send_offsets_to_transaction(self, positions: Sequence[Position], group: str, seconds: float) -> None: ...
    def commit_transaction(self, seconds: float) -> None: ...
    def abort_transaction(self, seconds: float) -> None: ...
    def close(self) -> None: ...

class KafkaConsumer:
    """A consumer that never joins its group, on the same library."""

    def __init__(self, library: str, properties: Sequence[tuple[str, str]]) -> None: ...
    def incremental_assign(self, positions: Sequence[Position]) -> None: ...
    def committed(self, positions: Sequence[Position], seconds: float) -> Sequence[Position]: ...
    def watermarks(self, topic: str, partition: int) -> tuple[int, int]: ...
    def consume(
        self, most: int, seconds: float
    ) -> tuple[Sequence[tuple[str, Sequence[Column]]], Sequence[tuple[int, str, str, int, int]]]:
        """By topic: key, value, headers, timestamp, partition, offset. Then errors: code, text, place."""
    def close(self) -> None: ...
