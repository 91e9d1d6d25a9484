"""Records of changed tables: ``include.schema.changes``, in the form of Debezium's schema change topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.cdc.topic_names import TopicNames
from tidegate.connectors.mysql_cdc.columns import TableDefinition
from tidegate.connectors.mysql_cdc.source_block import Places, SourceBlocks
from tidegate.records.envelope import SCHEMA_NAME, Batch, envelope

_KEY = pa.struct([pa.field("databaseName", pa.string(), nullable=False)])


def _named(kind: pa.DataType, name: str, field: str = "item", *, nullable: bool = False) -> pa.Field:
    return pa.field(
        field, kind, nullable=nullable, metadata={SCHEMA_NAME: f"io.debezium.connector.schema.{name}".encode()}
    )


def _texts(name: str) -> pa.Field:
    return pa.field(name, pa.list_(pa.field("item", pa.string(), nullable=False)))


_COLUMN = pa.struct(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("jdbcType", pa.int32(), nullable=False),
        pa.field("nativeType", pa.int32()),
        pa.field("typeName", pa.string(), nullable=False),
        pa.field("typeExpression", pa.string()),
        pa.field("charsetName", pa.string()),
        pa.field("length", pa.int32()),
        pa.field("scale", pa.int32()),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("optional", pa.bool_()),
        pa.field("autoIncremented", pa.bool_()),
        pa.field("generated", pa.bool_()),
        pa.field("comment", pa.string()),
        pa.field("defaultValueExpression", pa.string()),
        _texts("enumValues"),
    ]
)
_TABLE = pa.struct(
    [
        pa.field("defaultCharsetName", pa.string()),
        _texts("primaryKeyColumnNames"),
        pa.field("columns", pa.list_(_named(_COLUMN, "Column"))),
        pa.field("comment", pa.string()),
    ]
)
_CHANGE = pa.struct(
    [
        pa.field("type", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        _named(_TABLE, "Table", "table", nullable=True),
    ]
)
_VARCHAR = 12
_JDBC = {
    "tinyint": 5,
    "smallint": 5,
    "mediumint": 4,
    "int": 4,
    "bigint": -5,
    "float": 6,
    "double": 8,
    "decimal": 3,
    "date": 91,
    "time": 92,
    "datetime": 93,
    "timestamp": 2014,
    "bit": -7,
    "char": 1,
    "binary": -2,
    "varbinary": -3,
    "blob": 2004,
}


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """A table that a statement changed.

    Args:
        table: its name.
        before: as it was; None where it was made.
        after: as it is; None where it was dropped.
    """

    table: TableId
    before: TableDefinition | None
    after: TableDefinition | None


def schema_change_batch(
    names: TopicNames,
    blocks: SourceBlocks,
    places: Places,
    database: str,
    statement: str,
    changes: Sequence[SchemaChange],
) -> Batch:
    """The record of one statement.

    Args:
        names: of topics.
        blocks: makes ``source`` blocks.
        places: where the statement is in the log.
        database: that it is about.
        statement: its text.
        changes: of tables.
    """
    if changes:
        database = changes[0].table.schema
    source = blocks.changes(None, places, database=database)
    told = [
        {
            "type": "DROP" if one.after is None else "CREATE" if one.before is None else "ALTER",
            "id": f'"{one.table.schema}"."{one.table.table}"',
            "table": None if one.after is None else _table(one.after),
        }
        for one in changes
    ]
    fields = [
        blocks.field,
        pa.field("ts_ms", pa.int64(), nullable=False),
        pa.field("databaseName", pa.string()),
        pa.field("schemaName", pa.string()),
        pa.field("ddl", pa.string()),
        pa.field("tableChanges", pa.list_(_named(_CHANGE, "Change")), nullable=False),
    ]
    columns = [
        source,
        pa.array(places.micros // 1000),
        pa.array([database]),
        pa.nulls(1, pa.string()),
        pa.array([statement]),
        pa.array([told], fields[-1].type),
    ]
    kind = f"io.debezium.connector.{'mariadb' if blocks.is_mariadb else 'mysql'}"
    return envelope(
        names.prefix,
        pa.StructArray.from_arrays(columns, fields=fields),
        key=pa.array([{"databaseName": database}], _KEY),
        value_name=f"{kind}.SchemaChangeValue",
        key_name=f"{kind}.SchemaChangeKey",
    )


def _table(definition: TableDefinition) -> dict[str, object]:
    return {
        "defaultCharsetName": definition.charset,
        "primaryKeyColumnNames": list(definition.key),
        "columns": [
            {
                "name": column.name,
                "jdbcType": _JDBC.get(column.type, _VARCHAR),
                "nativeType": None,
                "typeName": column.type.upper() + (" UNSIGNED" if column.unsigned else ""),
                "typeExpression": column.type.upper() + (" UNSIGNED" if column.unsigned else ""),
                "charsetName": column.charset,
                "length": column.length,
                "scale": column.scale,
                "position": place,
                "optional": column.nullable,
                "autoIncremented": False,
                "generated": False,
                "comment": None,
                "defaultValueExpression": None if column.is_bytes else column.default,
                "enumValues": list(column.values) or None,
            }
            for place, column in enumerate(definition.columns, 1)
        ],
        "comment": None,
    }
