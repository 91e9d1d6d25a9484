"""The sql transform: fields, filter and topic as SQL expressions over the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from tidegate.errors import ConfigProblem
from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import Config, ConfigDef, Importance, Type
from tidegate.transforms.record_column import Member, RecordColumn, plain, struct_array
from tidegate.transforms.side import Side, with_column
from tidegate.transforms.sql_select import UnchangedColumns, is_row_wise, unchanged_columns
from tidegate.transforms.transform import Transform, TransformContext
from tidegate.transforms.transformed import Part, Transformed, faults_of

RECORD = "_record"
"""The column with everything about a record that is not in its value."""
_ROW, _TOPIC = "_row", "_topic"


class SqlTransform(Transform):
    """Runs DuckDB over the values of a batch, record by record; tombstones pass unchanged."""

    name: ClassVar[str] = "sql"
    doc: ClassVar[str] = (
        "Makes the value's fields, drops records and chooses topics with SQL expressions (DuckDB's dialect; needs the "
        "extra tidegate[sql]). The fields of the value are columns; _record has topic, key, timestamp, partition, "
        "offset and headers; a value that is no record is the column value. Tombstones pass unchanged."
    )
    config_def: ClassVar[ConfigDef] = (
        ConfigDef()
        .define("select", Type.STRING, "*", Importance.HIGH, "The new fields, as after SELECT: * EXCLUDE (a), b AS c.")
        .define("where", Type.STRING, "", Importance.HIGH, "Keeps records for which this is true; all when empty.")
        .define("topic", Type.STRING, "", Importance.MEDIUM, "Gives the name of the topic; unchanged when empty.")
    )

    @classmethod
    def problems(cls, config: Config) -> Sequence[ConfigProblem]:
        """See the base class."""
        try:
            connection = _connection()
        except ImportError:
            return [ConfigProblem("select", "needs DuckDB, which is not installed: pip install 'tidegate[sql]'")]
        found = []
        for key in ("select", "where", "topic"):
            text = config[key]
            query = _query(text) if key == "select" else _query("1", text)
            if text and (problem := is_row_wise(connection, query)):
                found.append(ConfigProblem(key, f"{text!r} can not be used: {problem}"))
        return found

    def configure(self, config: Config, context: TransformContext) -> None:
        """See the base class."""
        self._connection = _connection()
        select, where, topic = config["select"], config["where"], config["topic"]
        self._unchanged: UnchangedColumns = unchanged_columns(self._connection, select)
        about = f'{RECORD}."row" AS {_ROW}, {f"({topic})" if topic else "NULL"} AS {_TOPIC}'
        self._query = f"{_query(f'{about}, {select}', where)} ORDER BY 1"
        self._routes = bool(topic)

    def apply(self, batch: Batch) -> Transformed:
        """See the base class."""
        import duckdb

        present = np.flatnonzero(batch.value.is_valid().to_numpy(zero_copy_only=False))
        tombstones = np.flatnonzero(batch.value.is_null().to_numpy(zero_copy_only=False)).astype(np.int64)
        passed = [Part(batch.take(pa.array(tombstones)), tombstones)] if len(tombstones) else []
        if not len(present):
            return Transformed(passed)
        taken = batch if not passed else batch.take(pa.array(present))
        members = _columns(taken)
        self._connection.register("records", _table(taken, members, present))
        try:
            result = self._connection.sql(self._query).to_arrow_table().combine_chunks()
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as error:
            # The expression does not go with the columns, whatever their values are.
            return Transformed(passed, faults_of(present, f"SQL: {error}", type(error).__name__))
        finally:
            self._connection.unregister("records")
        return self._parts(batch, result, members, passed)

    def _parts(self, batch: Batch, result: pa.Table, members: Sequence[Member], passed: list[Part]) -> Transformed:
        rows = result.column(0).to_numpy().astype(np.int64)
        if not len(rows):
            return Transformed(passed)
        changed = with_column(batch.take(pa.array(rows)), Side.VALUE, self._values(result, members), batch.value_field)
        passed = [Part(_as(part.batch, changed), part.rows) for part in passed]
        if not self._routes:
            return Transformed([*passed, Part(changed, rows)])
        topics = np.array([topic or "" for topic in result.column(1).to_pylist()], dtype=object)
        parts = list(passed)
        for topic in dict.fromkeys(topics.tolist()):
            chosen = np.flatnonzero(topics == topic)
            if topic:
                parts.append(Part(changed.take(pa.array(chosen)).routed(topic), rows[chosen]))
        return Transformed(parts, faults_of(rows[topics == ""], "SQL: topic is null or empty, so there is no topic."))

    def _values(self, result: pa.Table, members: Sequence[Member]) -> pa.StructArray:
        given = {member.field.name: member for member in members}
        made = []
        for index, field in enumerate(result.schema):
            if index < 2 or field.name == RECORD:
                continue
            values = _whole(result.column(index))
            original = given.get(self._unchanged.source(field.name, given) or "")
            made.append(_restored(field.name, values, original) if original else Member(field, values))
        return struct_array(made, pa.array([False] * result.num_rows))

    def close(self) -> None:
        """See the base class."""
        self._connection.close()


def _query(select: str, where: str = "") -> str:
    """A query of what a connector's owner wrote; it reaches nothing but the batch (see :func:`_connection`)."""
    return f"SELECT {select} FROM records{f' WHERE ({where})' if where else ''}"  # noqa: S608


def _connection() -> Any:
    import duckdb

    connection = duckdb.connect(config={"threads": 1, "python_enable_replacements": False})
    for setting in ("TimeZone = 'UTC'", "enable_external_access = false", "lock_configuration = true"):
        connection.execute(f"SET {setting}")
    return connection


def _columns(batch: Batch) -> list[Member]:
    values = plain(batch.value)
    if pa.types.is_struct(values.type):
        return list(RecordColumn.of(values).members)
    return [Member(batch.value_field.with_name("value"), values)]


def _table(batch: Batch, members: Sequence[Member], rows: np.ndarray) -> pa.Table:
    about = {
        "row": pa.array(rows, pa.int64()),
        "topic": pa.array([batch.topic] * len(batch), pa.string()),
        **{
            name: batch.records.column(name)
            for name in ("key", "timestamp", "partition", "offset", "headers")
            if name in batch.records.schema.names
        },
    }
    if pa.types.is_null(about["key"].type):
        about["key"] = about["key"].cast(pa.string())
    record = pa.StructArray.from_arrays(list(about.values()), names=list(about))
    columns = [(member.field.name, member.values) for member in members]
    return pa.table([*(values for _, values in columns), record], names=[*(name for name, _ in columns), RECORD])


def _as(tombstones: Batch, changed: Batch) -> Batch:
    """Tombstones with the schema the other records got, so that they stay in one batch with them."""
    nulls = pa.nulls(len(tombstones), changed.value.type)
    return with_column(tombstones, Side.VALUE, nulls, changed.value_field)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


def _restored(name: str, values: pa.Array, original: Member) -> Member:
    """A column that was merely selected, of the type it had: DuckDB knows neither milliseconds nor required fields."""
    try:
        return Member(original.field.with_name(name), values.cast(original.field.type))
    except pa.ArrowException:
        return Member(pa.field(name, values.type, original.field.nullable), values)
