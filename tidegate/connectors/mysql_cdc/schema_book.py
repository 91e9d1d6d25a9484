"""The tables as they were at the place in the log that is being read.

Kept as offsets of source partitions of their own, one a table, so that what a statement changes is committed in the
very transaction that moves the position past the statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.mysql_cdc import ddl
from tidegate.connectors.mysql_cdc.columns import TableDefinition
from tidegate.connectors.mysql_cdc.table_map import TableMap
from tidegate.connectors.mysql_cdc.table_schema import (
    SchemaRules,
    TableSchema,
    is_versioned,
    mismatch,
    told_definition,
    versioned_error,
)
from tidegate.errors import FatalError
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

Kept = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A source partition and its offset."""

_SCHEMA, _EVERYTHING = "schema", "*"
_MOST_SCHEMAS = 20_000


class SchemaBook:
    """Definitions by name.

    Args:
        server: ``topic.prefix``.
        rules: what the configuration says of tables.
        tracked: whether a table's definition is kept.
        charset_of: the character set of a collation, by number.
        current: asks the server for a table's definition now; None where there is no such table.
    """

    def __init__(
        self,
        server: str,
        rules: SchemaRules,
        tracked: Callable[[TableId], bool],
        charset_of: Callable[[int], str | None],
        current: Callable[[TableId], TableDefinition | None],
    ) -> None:
        self._server = server
        self.rules = rules
        self._tracked = tracked
        self._charset_of = charset_of
        self._current = current
        self.tables: dict[TableId, TableDefinition] = {}
        self.databases: dict[str, str | None] = {}
        self._schemas: dict[int, tuple[TableMap, TableSchema]] = {}
        self._changed: set[TableId] = set()
        self._listed = True

    def captures(self, table: TableId) -> bool:
        """Whether changes of a table are captured."""
        return self.rules.capture.table(table)

    def captures_database(self, name: str) -> bool:
        """Whether a database may have captured tables."""
        return self._tracked(TableId(name, ""))

    # Keeping.

    def load(self, offset: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]) -> bool:
        """Takes in what was kept.

        Args:
            offset: gives what was kept of a source partition.

        Returns:
            Whether anything was.
        """
        directory = offset(self._partition(_EVERYTHING))
        if directory is None:
            return False
        self.databases = dict(directory["databases"])
        for schema, name in directory["tables"]:
            table = TableId(schema, name)
            kept = offset(self._partition(table.name))
            if kept is not None and "columns" in kept:
                self.tables[table] = TableDefinition.of(table, kept)
        return True

    def begin(self, tables: Mapping[TableId, TableDefinition], databases: Mapping[str, str]) -> None:
        """Begins anew with what the server says now."""
        self.tables = {table: definition for table, definition in tables.items() if self._tracked(table)}
        self.databases = dict(databases)
        self._schemas.clear()
        self._changed = set(self.tables)
        self._listed = False

    def take_kept(self) -> list[Kept]:
        """What has changed since the last call, to be kept with the position."""
        found: list[Kept] = []
        for table in sorted(self._changed):
            definition = self.tables.get(table)
            found.append((self._partition(table.name), {"gone": True} if definition is None else definition.kept()))
        if not self._listed:
            directory = {"tables": [list(table) for table in sorted(self.tables)], "databases": self.databases}
            found.append((self._partition(_EVERYTHING), directory))
        self._changed.clear()
        self._listed = True
        return found

    def _partition(self, name: str) -> Mapping[str, Any]:
        return {"server": self._server, _SCHEMA: name}

    # Changing.

    def apply(self, change: ddl.Change) -> Sequence[TableId]:
        """Follows a statement; gives the tables it changed."""
        match change:
            case ddl.Create():
                return self._create(change)
            case ddl.Alter(table, alter):
                return self._alter(table, alter)
            case ddl.Drop(tables):
                return [table for table in tables if self._put(table, None)]
            case ddl.Rename(pairs):
                return [changed for old, new in pairs for changed in self._rename(old, new)]
            case ddl.DatabaseChange(database, charset):
                if charset is not None or database not in self.databases:
                    self.databases[database] = charset
                    self._listed = False
            case ddl.DropDatabase(database):
                self.databases.pop(database, None)
                self._listed = False
                return [table for table in list(self.tables) if table.schema == database and self._put(table, None)]
            case ddl.Unknown(table, reason):
                log.warning("mysql_cdc.statement_not_followed", table=table.name, reason=reason)
                self._put(table, None)
        return []

    def _create(self, change: ddl.Create) -> Sequence[TableId]:
        table = change.definition.table
        if change.unless_there and table in self.tables:
            return []
        definition: TableDefinition | None = change.definition
        if change.like is not None:
            like = self.tables.get(change.like)
            definition = None if like is None else replace(like, table=table)
        return [table] if self._put(table, definition) else []

    def _alter(self, table: TableId, alter: Callable[[TableDefinition], TableDefinition]) -> Sequence[TableId]:
        definition = self.tables.get(table)
        if definition is None:
            return []
        try:
            changed = alter(definition)
        except ddl.DdlError as error:
            return self.apply(ddl.Unknown(table, str(error)))
        if changed == definition:
            return []
        return [table] if self._put(table, changed) else []

    def _rename(self, old: TableId, new: TableId) -> Sequence[TableId]:
        definition = self.tables.get(old)
        self._put(old, None)
        moved = self._put(new, None if definition is None else replace(definition, table=new))
        return [new] if moved else []

    def _put(self, table: TableId, definition: TableDefinition | None) -> bool:
        """Whether it is a table of interest."""
        if not self._tracked(table):
            return False
        was_there = table in self.tables
        if definition is None:
            self.tables.pop(table, None)
        else:
            self.tables[table] = definition
        if was_there != (definition is not None):
            self._listed = False
        if was_there or definition is not None:
            self._changed.add(table)
        self._schemas.clear()
        return True

    # Reading.

    def schema(self, described: TableMap) -> TableSchema | None:
        """The schema of a table in the log; None where it is not captured.

        Raises:
            FatalError: what is known of the table does not fit the log.
        """
        if not self.rules.capture.table(described.table):
            return None
        if described.table not in self.tables and described.is_sequence:
            return None
        known = self._schemas.get(id(described))
        if known is not None:
            return known[1]
        if len(self._schemas) > _MOST_SCHEMAS:
            self._schemas.clear()
        schema = self.rules.schema(self._definition(described), described)
        self._schemas[id(described)] = (described, schema)
        return schema

    def known(self, table: TableId) -> TableDefinition | None:
        """The definition of a table that may never have been in the log; the server's where none is known."""
        if table not in self.tables and self._tracked(table) and (found := self._current(table)) is not None:
            self._put(table, found)
        return self.tables.get(table)

    def _definition(self, described: TableMap) -> TableDefinition:
        table = described.table
        known = self.tables.get(table)
        why = "it is not known" if known is None else mismatch(known, described)
        if why is None:
            assert known is not None
            return known
        if known is not None and is_versioned(known, described) and (described.names or ["row_end"])[-1] == "row_end":
            raise versioned_error(table)
        found = told_definition(described, known, self._charset_of)
        origin = "log"
        if found is None:
            found = self._current(table)
            origin = "server"
            if found is None or mismatch(found, described) is not None:
                raise FatalError(
                    f"The table {table.name} in the log does not fit what is known of it: {why}.",
                    remedy="Set binlog_row_metadata=FULL on the server, so that the log tells the columns' names; for "
                    "what is in the log already, set snapshot.mode=when_needed and reset the connector's offsets, or "
                    "exclude the table.",
                )
        log.warning("mysql_cdc.schema_taken_over", table=table.name, origin=origin, reason=why)
        self.tables[table] = found
        self._changed.add(table)
        if known is None:
            self._listed = False
        return found
