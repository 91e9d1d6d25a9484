"""Fetching from Oracle: Arrow columns from the driver, or rows by its cursor where a column has no type in Arrow."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.sql import Select

from tidegate.connectors.jdbc.catalogue import Catalogue
from tidegate.connectors.jdbc.columns import Columns, driver_type, fingerprint
from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.fetch import Fetch
from tidegate.connectors.jdbc.oracle.arrow_rows import ArrowStream
from tidegate.connectors.jdbc.oracle.moments import DATE, TIMESTAMP, TIMESTAMP_LTZ, TIMESTAMP_TZ, selected
from tidegate.connectors.jdbc.stream import CHUNK_ROWS, CursorStream, Stream
from tidegate.errors import RetriableError
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_TEXT = {"DB_TYPE_VARCHAR", "DB_TYPE_NVARCHAR", "DB_TYPE_CHAR", "DB_TYPE_NCHAR", "DB_TYPE_CLOB", "DB_TYPE_NCLOB"}
_BYTES = {"DB_TYPE_RAW", "DB_TYPE_BLOB"}
_FLOATS = {"DB_TYPE_BINARY_FLOAT", "DB_TYPE_BINARY_DOUBLE", "DB_TYPE_NUMBER"}
_MOMENTS = {DATE, TIMESTAMP, TIMESTAMP_LTZ, TIMESTAMP_TZ}
_NO_SUCH_COLUMN = "ORA-00904"
_LOST = ("DPY-1001", "DPY-4011", "DPY-4024", "ORA-03113", "ORA-03114", "ORA-12170")


class OracleFetch(Fetch):
    """Rows of Oracle.

    A value that the type it is asked for can not hold fails the whole page, so such a page is fetched again by a
    cursor, whose rows are looked at one by one.

    Args:
        database: where it is.
        catalogue: the relation's columns.
        arrow: whether to fetch Arrow columns.
    """

    def __init__(self, database: Database, catalogue: Catalogue, *, arrow: bool) -> None:
        super().__init__(database, catalogue)
        self._arrow = arrow

    def _attempt(self, connection: Connection, statement: Select[Any], long: bool) -> tuple[Stream, Columns] | None:
        source = self.catalogue.relation.source()
        look: Select[Any] = sa.select(sa.literal_column("*")).select_from(source).where(sa.false())
        seen = fingerprint(_cursor(connection.execute(look)).description)
        columns = self.catalogue.columns(connection, seen)
        if columns is None:
            return None
        query = statement.with_only_columns(*self._selected(columns))
        schema = requested_schema(columns) if self._arrow else None
        try:
            if schema is not None:
                stream = self._by_columns(connection, query, schema, long)
                if stream is not None:
                    return stream, columns
            return CursorStream(_cursor(connection.execute(query))), columns
        except self.database.driver_error as error:
            if _NO_SUCH_COLUMN in str(error):
                return None
            raise

    def _by_columns(
        self, connection: Connection, query: Select[Any], schema: pa.Schema, long: bool
    ) -> ArrowStream | None:
        text, parameters = rendered(connection, query)
        driver: Any = connection.connection.driver_connection
        try:
            frames = driver.fetch_df_batches(
                statement=text, parameters=parameters, size=CHUNK_ROWS, requested_schema=schema
            )
            if long:
                first = list(itertools.islice(frames, 1))
                return ArrowStream(itertools.chain(first, frames), schema)
            # A page is bounded: all of it is fetched here, where what does not fit can still be had another way.
            return ArrowStream(iter(list(frames)), schema)
        except self.database.driver_error as error:
            if _NO_SUCH_COLUMN in str(error) or any(code in str(error) for code in _LOST):
                raise
            log.warning("jdbc.arrow_refused", table=self.catalogue.relation.name, reason=str(error).splitlines()[0])
            return None

    def _selected(self, columns: Columns) -> Sequence[Any]:
        return [
            selected(self.catalogue.relation.column(field.name), driver_type(shown), field.name)
            for field, shown in zip(columns.fields, columns.seen, strict=True)
        ]


def requested_schema(columns: Columns) -> pa.Schema | None:
    """What to ask the driver for; None where it has no Arrow type for a column.

    Args:
        columns: of the table.
    """
    fields = []
    for field, shown in zip(columns.fields, columns.seen, strict=True):
        type_, kind = field.type, driver_type(shown)
        fits = (
            (pa.types.is_string(type_) and kind in _TEXT)
            or (pa.types.is_binary(type_) and kind in _BYTES)
            or (pa.types.is_floating(type_) and kind in _FLOATS)
            or ((pa.types.is_integer(type_) or pa.types.is_decimal128(type_)) and kind == "DB_TYPE_NUMBER")
            or (pa.types.is_timestamp(type_) and kind in _MOMENTS)
        )
        if not fits:
            return None
        fields.append(pa.field(field.name, pa.timestamp("us") if pa.types.is_timestamp(type_) else type_))
    return pa.schema(fields)


def rendered(connection: Connection, statement: Select[Any]) -> tuple[str, dict[str, Any]]:
    """A statement's text and its parameters by name.

    Args:
        connection: whose dialect it is for.
        statement: what to run.
    """
    compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    return str(compiled), dict(compiled.params)


def _cursor(result: CursorResult[Any]) -> Any:
    if result.cursor is None:
        raise RetriableError("The database closed the cursor.")
    return result.cursor
