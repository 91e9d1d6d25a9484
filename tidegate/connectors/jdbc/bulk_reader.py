"""Reading a whole relation again and again, each time in one query."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import ClassVar

from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.reader import Page, QueryReader
from tidegate.connectors.jdbc.relation import Relation
from tidegate.errors import TidegateError
from tidegate.sdk.config_def import Config


class BulkReader(QueryReader):
    """The whole relation at each round, in one streaming query; nothing is remembered but how far the round is."""

    holds_connection: ClassVar[bool] = True

    def __init__(self, database: Database, relation: Relation, config: Config) -> None:
        super().__init__(database, relation, config)
        self._pages: Generator[Page, None, None] | None = None

    def next_page(self) -> Page | None:
        if self._pages is None:
            self._pages = self._round()
        try:
            page = next(self._pages, None)
        except TidegateError:
            self._pages = None
            raise
        if page is None:
            self._pages = None
        return page

    def close(self) -> None:
        if self._pages is not None:
            self._pages.close()
            self._pages = None

    def _round(self) -> Generator[Page, None, None]:
        with self.database.connection() as connection:
            stream, columns = self._fetch.open(connection, self._everything(), long=True)
            with closing(stream):
                while not stream.finished:
                    rows = stream.read(self.size.max_rows, self.size.max_bytes)
                    if len(rows):
                        yield Page(rows, columns, {}, more=True)
