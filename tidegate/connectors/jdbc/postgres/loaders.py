"""How psycopg reads values of PostgreSQL here: without failing, so that a bad value is the fault of its row alone.

JSON stays text. A point in time outside the years of Python's datetime is text as PostgreSQL writes it, which no
temporal column takes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from psycopg import Connection, adapters
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.errors import DataError
from psycopg.pq import Format
from psycopg.types.string import TextLoader

from tidegate.connectors.postgres_values.moments import date_text, time_text, timestamp_text


def register(connection: Connection[Any]) -> None:
    """Makes a connection read values so."""
    for name in ("json", "jsonb"):
        connection.adapters.register_loader(name, TextLoader)
    connection.adapters.register_loader("json", _JsonBinary)
    connection.adapters.register_loader("jsonb", _JsonbBinary)
    for name, text in _MOMENTS.items():
        connection.adapters.register_loader(name, _lenient(name, Format.TEXT, lambda data: bytes(data).decode()))
        connection.adapters.register_loader(name, _lenient(name, Format.BINARY, text))


_MOMENTS: dict[str, Callable[[Buffer], str]] = {
    "date": lambda data: date_text(struct.unpack("!i", data)[0]),
    "time": lambda data: time_text(struct.unpack("!q", data)[0]),
    "timetz": lambda data: time_text(struct.unpack("!qi", data)[0]),
    "timestamp": lambda data: timestamp_text(struct.unpack("!q", data)[0], zone=False),
    "timestamptz": lambda data: timestamp_text(struct.unpack("!q", data)[0], zone=True),
}


class _JsonBinary(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        return bytes(data).decode()


class _JsonbBinary(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        # Its version comes first.
        return bytes(data[1:]).decode()


def _lenient(name: str, format_: Format, text: Callable[[Buffer], str]) -> type[Loader]:
    info = adapters.types[name]
    found = adapters.get_loader(info.oid, format_)
    assert found is not None
    inner: type[Any] = found

    class Lenient(Loader):
        format = format_

        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._inner = inner(oid, context)

        def load(self, data: Buffer) -> Any:
            try:
                return self._inner.load(data)
            except DataError:
                return text(data)

    return Lenient
