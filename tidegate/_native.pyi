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
