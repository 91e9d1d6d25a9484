"""Which tables and columns are captured."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.connectors.cdc.name_patterns import NamePatterns
from tidegate.connectors.cdc.table_id import TableId
from tidegate.errors import ConfigProblem
from tidegate.sdk.config_def import Config

_PAIRS = (
    ("schema.include.list", "schema.exclude.list"),
    ("database.include.list", "database.exclude.list"),
    ("table.include.list", "table.exclude.list"),
    ("column.include.list", "column.exclude.list"),
)


class Choice:
    """Names that are included, or not excluded; every name where nothing is said.

    Args:
        include: patterns; empty for all.
        exclude: patterns.

    Raises:
        ValueError: one is no regular expression.
    """

    def __init__(self, include: str | None = None, exclude: str | None = None) -> None:
        self._include = NamePatterns(include or "")
        self._exclude = NamePatterns(exclude or "")

    def __contains__(self, name: str) -> bool:
        return (not self._include or self._include.match(name)) and not self._exclude.match(name)


class CaptureFilter:
    """The tables and columns of a configuration.

    Args:
        schemas: by name of the schema, MySQL's database.
        tables: by ``schema.table``.
        columns: by ``schema.table.column``.
        builtin: schemas that are never captured.
    """

    def __init__(self, schemas: Choice, tables: Choice, columns: Choice, *, builtin: Sequence[str] = ()) -> None:
        self._schemas = schemas
        self._tables = tables
        self._columns = columns
        self._builtin = frozenset(builtin)

    @classmethod
    def from_config(cls, config: Config, *, level: str = "schema", builtin: Sequence[str] = ()) -> CaptureFilter:
        """The filter of a configuration.

        Args:
            config: with the keys of :data:`tidegate.connectors.cdc.keys.FILTER_KEYS`.
            level: prefix of the keys that choose schemas: ``schema`` or ``database``.
            builtin: schemas that are never captured.
        """
        schemas, tables, columns = (
            Choice(config.get(f"{one}.include.list"), config.get(f"{one}.exclude.list"))
            for one in (level, "table", "column")
        )
        return cls(schemas, tables, columns, builtin=builtin)

    def schema(self, name: str) -> bool:
        """Whether a schema may have captured tables."""
        return name not in self._builtin and name in self._schemas

    def table(self, table: TableId) -> bool:
        """Whether changes of a table are captured."""
        return table.schema not in self._builtin and table.schema in self._schemas and table.name in self._tables

    def with_table(self, table: TableId) -> CaptureFilter:
        """The filter that captures one more table."""
        return _WithTable(self, table)

    def column(self, table: TableId, column: str) -> bool:
        """Whether a column is part of its table's records."""
        return table.column(column) in self._columns


class _WithTable(CaptureFilter):
    def __init__(self, inner: CaptureFilter, added: TableId) -> None:
        self._inner = inner
        self._added = added

    def schema(self, name: str) -> bool:
        return name == self._added.schema or self._inner.schema(name)

    def table(self, table: TableId) -> bool:
        return table == self._added or self._inner.table(table)

    def column(self, table: TableId, column: str) -> bool:
        return table == self._added or self._inner.column(table, column)


def filter_problems(config: Config) -> list[ConfigProblem]:
    """Lists that exclude each other and are both given."""
    return [
        ConfigProblem(exclude, f"can not be given with {include}: give one of them")
        for include, exclude in _PAIRS
        if config.get(include) and config.get(exclude)
    ]
