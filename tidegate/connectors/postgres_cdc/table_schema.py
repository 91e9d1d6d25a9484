"""A captured table: which of its columns make rows and keys, of which types, under which names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tidegate.connectors.cdc.change_batch import EventShape
from tidegate.connectors.cdc.filters import CaptureFilter
from tidegate.connectors.cdc.masking import ColumnMasks, Mask
from tidegate.connectors.cdc.message_keys import MessageKeys
from tidegate.connectors.cdc.topic_names import TopicNames
from tidegate.connectors.postgres_cdc.catalogue import TableFacts
from tidegate.connectors.postgres_cdc.column_types import MODIFIER_HEADER, ColumnType, Modes, PgType, column_type
from tidegate.connectors.postgres_cdc.relation import FULL, Relation, RelationColumn
from tidegate.connectors.postgres_cdc.source_block import SOURCE
from tidegate.records.field_default import with_default
from tidegate.sdk.config_def import Config

_BUILTIN_SCHEMAS = ("pg_catalog", "information_schema", "pg_toast")


@dataclass(frozen=True, slots=True)
class CapturedColumn:
    """A column that is part of rows or keys.

    Args:
        index: its place in the relation.
        type: its type.
        field: its field in rows.
        identity: whether it is part of the replica identity.
        mask: hides its values in rows.
    """

    index: int
    type: ColumnType
    field: pa.Field
    identity: bool
    mask: Mask | None


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table with one schema.

    Args:
        relation: it.
        columns: by their place in the relation.
        row: places of the columns of rows.
        key: places of the columns of keys.
        shape: of its records.
    """

    relation: Relation
    columns: dict[int, CapturedColumn]
    row: tuple[int, ...]
    key: tuple[int, ...]
    shape: EventShape


@dataclass(frozen=True, slots=True)
class SchemaRules:
    """What a configuration says of all tables.

    Args:
        capture: tables and columns that are captured.
        masks: of columns.
        keys: other keys than the primary ones.
        names: of topics and record types.
        modes: of types with several forms.
    """

    capture: CaptureFilter
    masks: ColumnMasks
    keys: MessageKeys
    names: TopicNames
    modes: Modes

    def schema(
        self,
        relation: Relation,
        facts: TableFacts,
        type_of: Callable[[int], PgType],
        nullable: frozenset[str] = frozenset(),
    ) -> TableSchema:
        """The schema of a table.

        Args:
            relation: the table as the stream describes it.
            facts: what the catalogue adds.
            type_of: a type by its number.
            nullable: columns that hold nulls although the catalogue says that they do not.
        """
        table = relation.table
        names = [column.name for column in relation.columns]
        key_names = self.keys.columns(table, _own_key(relation, facts), names)
        row = [index for index, name in enumerate(names) if self.capture.column(table, name)]
        key = [names.index(name) for name in key_names]
        columns = {}
        for index in sorted({*row, *key}):
            column = relation.columns[index]
            kind = column_type(type_of(column.type_oid), column.modifier, self.modes)
            required = (column.name in facts.required or index in key) and column.name not in nullable
            mask = self.masks.mask(table, column.name) if pa.types.is_string(kind.type) else None
            field = kind.field(self.names.field(column.name), nullable=not required)
            default = self._default(type_of(column.type_oid), column, kind, facts)
            if default is not None:
                field = with_default(field, default if mask is None else mask(default))
            columns[index] = CapturedColumn(index, kind, field, column.identity, mask)
        shape = EventShape(
            self.names.data(table),
            [columns[index].field for index in row],
            self.names.record(table, "Value"),
            [columns[index].field for index in key],
            self.names.record(table, "Key"),
            self.names.record(table, "Envelope"),
            SOURCE,
        )
        return TableSchema(relation, columns, tuple(row), tuple(key), shape)

    @staticmethod
    def _default(pg: PgType, column: RelationColumn, kind: ColumnType, facts: TableFacts) -> pa.Array | None:
        text = facts.defaults.get(column.name)
        if text is None:
            return None
        if pg.name == "bpchar":
            text = text.ljust(column.modifier - MODIFIER_HEADER)
        return kind.default(text)


def schema_rules(config: Config) -> SchemaRules:
    """The rules of a configuration."""
    return SchemaRules(
        CaptureFilter.from_config(config, builtin=_BUILTIN_SCHEMAS),
        ColumnMasks(config.originals),
        MessageKeys(config["message.key.columns"]),
        TopicNames.from_config(config),
        Modes.from_config(config),
    )


def _own_key(relation: Relation, facts: TableFacts) -> Sequence[str]:
    """The primary key, where deletes tell it; else the replica identity's columns."""
    identity = [column.name for column in relation.columns if column.identity]
    names = {column.name for column in relation.columns}
    primary = facts.primary_key if set(facts.primary_key) <= names else ()
    if relation.replica_identity == FULL or not identity:
        return primary
    return primary if primary and set(primary) <= set(identity) else identity
