"""Target tables: loaded, created, and evolved as their records want."""

from __future__ import annotations

import itertools
import threading

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError
from pyiceberg.schema import Schema
from pyiceberg.table import Table, TableProperties
from pyiceberg.types import DoubleType, FloatType, NestedField

from tidegate.backoff import backoff
from tidegate.connectors.iceberg.catalog import iceberg_errors
from tidegate.connectors.iceberg.column_types import UnstorableTypeError, iceberg_type
from tidegate.connectors.iceberg.evolution import Evolution, evolution
from tidegate.connectors.iceberg.layout import Layout
from tidegate.connectors.iceberg.partition_by import parse_partition_by
from tidegate.connectors.iceberg.partition_spec import partition_spec
from tidegate.connectors.iceberg.table_names import TableName, table_options
from tidegate.errors import ConflictError, FatalError, NotFoundError
from tidegate.records.reason import Reason, Rule, all_reasons
from tidegate.sdk.config_def import Config
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_ATTEMPTS = 10
_CREATED_WITH = {
    TableProperties.FORMAT_VERSION: "2",
    # One small manifest a commit, merged when there are many.
    TableProperties.MANIFEST_MERGE_ENABLED: "true",
    TableProperties.METADATA_DELETE_AFTER_COMMIT_ENABLED: "true",
}


class MissingTableError(NotFoundError):
    """The table does not exist and may not be created."""


class Target:
    """One table that a task writes to.

    Args:
        targets: what all of them share.
        table: as loaded.
        id_columns: of the key; empty where rows are only appended.
    """

    def __init__(self, targets: Targets, table: Table, id_columns: tuple[str, ...]) -> None:
        self.id_columns = id_columns
        self._targets = targets
        self._table = table
        self._judged: dict[tuple[int, pa.StructType], str] = {}
        self._stale = False
        self.layout = targets.layout(table)

    def refresh_later(self) -> None:
        """Has the table read anew before the next records are judged: others may have changed it."""
        self._stale = True

    def admit(self, record: pa.StructType) -> str:
        """Judges the type of records, and evolves the table for them if need be and allowed.

        Returns:
            Why they can not be written; empty if they can.

        Raises:
            RetriableError: the catalog is away.
        """
        if self._stale:
            self._refresh()
        refusal = self._judged.get((self.layout.schema.schema_id, record))
        if refusal is None:
            refusal = self._judge(record)
            self._judged[self.layout.schema.schema_id, record] = refusal
        return refusal

    def _judge(self, record: pa.StructType) -> str:
        targets = self._targets
        for attempt in range(_ATTEMPTS):
            found = evolution(self.layout.schema, record, ignore_case=targets.ignore_case)
            if not found.refusals and not found.needed:
                return ""
            if attempt == 0:
                # Another task may have evolved it already.
                self._refresh()
                continue
            if found.refusals:
                return all_reasons(found.refusals)
            if not targets.evolve:
                return _narrow(found)
            try:
                self._evolve(found)
            except ConflictError:
                targets.pause(attempt)
                self._refresh()
        raise ConflictError(f"Table {self.layout.table} could not be evolved: other writers were always first.")

    def _evolve(self, found: Evolution) -> None:
        with iceberg_errors(f"evolve table {self.layout.table}"), self._table.update_schema() as update:
            for path, type_ in found.added:
                update.add_column(path, type_)
            for path, type_ in found.widened:
                update.update_column(path, field_type=type_)
            for path in found.relaxed:
                update.make_column_optional(path)
        self.layout = self._targets.layout(self._table)
        log.info(
            "iceberg_table_evolved",
            table=self.layout.table,
            added=[".".join(path) for path, _ in found.added],
            widened=[".".join(path) for path, _ in found.widened],
            optional=[".".join(path) for path in found.relaxed],
        )

    def _refresh(self) -> None:
        with iceberg_errors(f"load table {self.layout.table}"):
            self._table.refresh()
        self._stale = False
        layout = self._targets.layout(self._table)
        if not layout.same(self.layout):
            self.layout = layout


class Targets:
    """Loads and creates tables.

    Args:
        config: the sink's.
        catalog: the catalog.
        prefix: begins the names of data files.
        stopping: ends pauses.
    """

    def __init__(self, config: Config, catalog: Catalog, prefix: str, stopping: threading.Event) -> None:
        self.ignore_case: bool = config["iceberg.tables.schema-case-insensitive"]
        self.evolve: bool = config["iceberg.tables.evolve-schema-enabled"]
        self.upsert = bool(config["iceberg.tables.upsert-mode-enabled"] or config["iceberg.tables.cdc-field"])
        self._create: bool = config["iceberg.tables.auto-create-enabled"]
        self._optional: bool = config["iceberg.tables.schema-force-optional"]
        self._id_columns: str | None = config["iceberg.tables.default-id-columns"]
        self._partition_by: str | None = config["iceberg.tables.default-partition-by"]
        self._options = table_options(config)
        self._created_with = {**_CREATED_WITH, **config.with_prefix("iceberg.tables.auto-create-props.")}
        self._write_props = config.with_prefix("iceberg.tables.write-props.")
        self._catalog = catalog
        self._prefix = prefix
        self._stopping = stopping
        self._targets: dict[TableName, Target] = {}

    def find(self, name: TableName, record: pa.StructType | None, key: pa.DataType) -> Target | None:
        """A table, created if it is missing and may be.

        Args:
            name: namespace and name.
            record: type of the records; None for tombstones, for which no table is created.
            key: type of the record keys.

        Returns:
            None if there is no such table yet and ``record`` is None.

        Raises:
            MissingTableError: it does not exist and may not be created.
            FatalError: it can not be created so.
            RetriableError: the catalog is away.
        """
        found = self._targets.get(name)
        if found is not None:
            return found
        text = ".".join(name)
        with iceberg_errors(f"load table {text}"):
            try:
                table = self._catalog.load_table(name)
            except NoSuchTableError:
                if not self._create:
                    raise MissingTableError(
                        f"Table {text} does not exist.",
                        remedy="Create it, or set iceberg.tables.auto-create-enabled=true.",
                    ) from None
                if record is None:
                    return None
                table = self._make(name, record, key)
        target = Target(self, table, self._key_of(table, key))
        self._targets[name] = target
        return target

    def known(self) -> list[Target]:
        """The tables loaded so far."""
        return list(self._targets.values())

    def layout(self, table: Table) -> Layout:
        """The layout of a table as it is now."""
        return Layout(table, self._prefix, self._write_props)

    def pause(self, attempt: int) -> None:
        """Lets other writers go first."""
        self._stopping.wait(backoff(attempt + 1, 0.05, 2.0))

    def _key_of(self, table: Table, key: pa.DataType) -> tuple[str, ...]:
        if not self.upsert:
            return ()
        name = ".".join(table.name())
        schema = table.schema()
        columns = self._configured_key(table.name()) or tuple(sorted(schema.identifier_field_names()))
        columns = columns or _fields_of(key)
        for column in columns:
            try:
                type_ = schema.find_field(column).field_type
            except ValueError:
                raise FatalError(
                    f"Table {name} has no column {column!r}, which is said to be of its key.",
                    remedy="Correct iceberg.tables.default-id-columns or iceberg.table.<table>.id-columns.",
                ) from None
            if isinstance(type_, FloatType | DoubleType) or not type_.is_primitive or "." in column:
                raise FatalError(
                    f"Column {column!r} of table {name} is {type_}: a key is made of top-level columns that are "
                    "neither floating nor nested.",
                    remedy="Correct id-columns.",
                )
        if not columns:
            raise FatalError(
                f"Table {name} has no key to replace and delete rows by.",
                remedy="Set iceberg.tables.default-id-columns, or give records a key with fields.",
            )
        return columns

    def _configured_key(self, name: TableName) -> tuple[str, ...]:
        text = self._options.get(".".join(name), {}).get("id-columns") or self._id_columns or ""
        return tuple(column.strip() for column in text.split(",") if column.strip())

    def _make(self, name: TableName, record: pa.StructType, key: pa.DataType) -> Table:
        text = ".".join(name)
        id_columns = (self._configured_key(name) or _fields_of(key)) if self.upsert else self._configured_key(name)
        try:
            schema = _schema(record, id_columns, self._optional)
            terms = parse_partition_by(self._options.get(text, {}).get("partition-by") or self._partition_by or "")
            spec = partition_spec(terms, schema)
        except ValueError as error:
            raise FatalError(
                f"Table {text} can not be created: {error}.", remedy="Correct the keys iceberg.table.*, or create it."
            ) from error
        with iceberg_errors(f"create table {text}"):
            self._catalog.create_namespace_if_not_exists(name[:-1])
            try:
                self._catalog.create_table(name, schema, partition_spec=spec, properties=self._created_with)
                log.info("iceberg_table_created", table=text, columns=[column.name for column in schema.fields])
            except TableAlreadyExistsError:
                pass
            # Some catalogs answer the loser of a race with the winner's table: what counts is what is there.
            return self._catalog.load_table(name)


def _schema(record: pa.StructType, id_columns: tuple[str, ...], optional: bool) -> Schema:
    ids = itertools.count(1)
    numbered = [(next(ids), field) for field in record]
    columns = []
    for number, field in numbered:
        try:
            type_ = iceberg_type(field.type, ids, optional=optional)
        except UnstorableTypeError as error:
            raise ValueError(f"field {field.name!r}: {error}") from error
        if type_ is not None:
            required = field.name in id_columns or not (field.nullable or optional)
            columns.append(NestedField(number, field.name, type_, required=required))
    by_name = {column.name: column.field_id for column in columns}
    missing = [column for column in id_columns if column not in by_name]
    if missing:
        raise ValueError(f"column {missing[0]!r} of its key is no field of the record")
    return Schema(*columns, identifier_field_ids=[by_name[column] for column in id_columns])


def _fields_of(key: pa.DataType) -> tuple[str, ...]:
    return tuple(field.name for field in key) if pa.types.is_struct(key) else ()


def _narrow(found: Evolution) -> str:
    """Why a table that must not change can not take the records; fields it lacks are left out."""
    return all_reasons(
        [
            Reason(
                f"field {'.'.join(path)!r} needs {type_}, and iceberg.tables.evolve-schema-enabled is false",
                Rule.TYPE_CHANGED,
                ".".join(path),
            )
            for path, type_ in found.widened
        ]
    )
