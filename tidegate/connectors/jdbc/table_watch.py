"""Looking for tables that come and go while a task runs."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from tidegate.connectors.jdbc.database import Database
from tidegate.connectors.jdbc.relation import Relation
from tidegate.connectors.jdbc.shares import share_of
from tidegate.connectors.jdbc.table_names import TableNames
from tidegate.connectors.jdbc.tables import chosen_tables, column_problems, configured_query
from tidegate.errors import ConfigError
from tidegate.sdk.config_def import Config
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """What a look has found.

    Args:
        new: tables that this task has to read from now on.
        gone: tables that are no more, or no more chosen.
    """

    new: Collection[Relation]
    gone: Collection[Relation]


class TableWatch:
    """Looks now and then which tables a task has to read.

    Args:
        database: where they are.
        config: the task's configuration.
    """

    def __init__(self, database: Database, config: Config) -> None:
        self._database = database
        self._config = config
        self._interval: float = config["table.poll.interval.ms"] / 1000
        self._share = share_of(config.originals)
        self._unsuited: set[Relation] = set()
        self.due = time.monotonic() + self._interval

    def look(self, own: Collection[Relation], *, now: bool = False) -> Change:
        """What has changed since the last look; nothing when it is not time for one.

        Args:
            own: tables the task reads.
            now: look in any case.

        Raises:
            RetriableError: the database is away.
        """
        if not now and time.monotonic() < self.due:
            return Change((), ())
        self.due = time.monotonic() + self._interval
        found = chosen_tables(self._database, self._config, strict=False)
        known = set(own)
        new = [each for each in found if each not in known and self._share.includes(each)]
        self._unsuited &= set(found)
        return Change([each for each in new if self._suits(each)], known - set(found))

    def may_be_left_out(self, relation: Relation) -> bool:
        """Whether a table that can not be read is one that is no more, or lacks what the mode needs.

        Raises:
            RetriableError: the database is away.
        """
        return relation not in chosen_tables(self._database, self._config, strict=False) or not self._suits(relation)

    def _suits(self, relation: Relation) -> bool:
        """Whether it has what the mode needs. One that has not is no reason to leave the others unread."""
        try:
            problems = list(column_problems(self._database, [relation], self._config))
        except ConfigError as error:
            problems = list(error.problems)
        if problems and relation not in self._unsuited:
            self._unsuited.add(relation)
            log.warning("jdbc.table_unsuited", table=relation.name, problem=problems[0].message)
        return not problems


def watches(config: Config) -> bool:
    """Whether a configuration has its tasks look for new tables.

    Args:
        config: a connector's or a task's configuration.
    """
    return (
        bool(config["table.poll.interval.ms"]) and not configured_query(config) and TableNames.from_config(config).grows
    )
