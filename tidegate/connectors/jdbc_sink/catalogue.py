"""The tables of a connector: found, made and widened as its records ask for."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from tidegate.connectors.jdbc_sink.dialect import Dialect
from tidegate.connectors.jdbc_sink.gate import lacking_columns, missing_fields
from tidegate.connectors.jdbc_sink.options import UPDATE, Options
from tidegate.connectors.jdbc_sink.record_columns import RecordColumns
from tidegate.connectors.jdbc_sink.session import Session
from tidegate.connectors.jdbc_sink.table import Table, read_table
from tidegate.connectors.jdbc_sink.table_id import TableId
from tidegate.errors import FatalError
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)


class Catalogue:
    """What is known of the tables; read again when it may be outdated.

    Args:
        dialect: the database's.
        options: the connector's.
    """

    def __init__(self, dialect: Dialect, options: Options) -> None:
        self._dialect = dialect
        self._options = options
        self._known: dict[TableId, Table] = {}

    def table(self, session: Session, id_: TableId, records: RecordColumns) -> Table:
        """The table for records, made or widened if that is wanted; called outside of a transaction.

        Raises:
            FatalError: it does not exist and is not to be made.
        """
        table = self._known.get(id_) or self.refresh(session, id_)
        if table is None:
            table = self._create(session, id_, records)
        if self._options.auto_evolve and missing_fields(records, table):
            table = self._evolve(session, table, records)
        return table

    def refresh(self, session: Session, id_: TableId) -> Table | None:
        """The table as it is now; None when it does not exist."""
        table = read_table(session.connection, id_)
        if table is None:
            self._known.pop(id_, None)
        else:
            if id_ not in self._known:
                self._dialect.check_transactional(session, id_)
            self._known[id_] = table
        return table

    def _create(self, session: Session, id_: TableId, records: RecordColumns) -> Table:
        if not self._options.auto_create:
            raise FatalError(f"Table {id_} does not exist.", remedy="Create it, or set auto.create=true.")
        if not records.fields:
            raise FatalError(f"Table {id_} can not be created: the records have no fields.")
        self._define(session, id_, self._dialect.create_table(id_, records.keys, records.others))
        table = self.refresh(session, id_)
        if table is None:
            raise FatalError(f"Table {id_} was created and can not be found.", remedy="Check table.name.format.")
        log.info("table_created", table=str(id_))
        return table

    def _evolve(self, session: Session, table: Table, records: RecordColumns) -> Table:
        table = self.refresh(session, table.id) or table
        if self._options.insert_mode != UPDATE and lacking_columns(records, table):
            # These records can not be written, so the table does not follow them.
            return table
        added = [field for field in missing_fields(records, table) if field not in records.keys]
        for field in added:
            self._define(session, table.id, self._dialect.add_column(table.id, field))
        if added:
            log.info("columns_added", table=str(table.id), columns=[field.name for field in added])
        return self.refresh(session, table.id) or table

    def _define(self, session: Session, id_: TableId, statement: str) -> None:
        try:
            session.connection.exec_driver_sql(statement)
        except DBAPIError as error:
            # Another task may have been faster: what counts is what is there now.
            before = self._known.get(id_)
            now = self.refresh(session, id_)
            if now is None or now == before:
                raise error
