"""How tables are shared among tasks, those that are made later too."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from tidegate.connectors.jdbc.keys import TASK_OTHERS, TASK_SHARE, TASK_TABLES
from tidegate.connectors.jdbc.relation import Relation

_FINGERPRINT_BYTES = 8


@dataclass(frozen=True, slots=True)
class Share:
    """One task's share of the tables, those that are not there yet among them.

    Args:
        number: of the task.
        tasks: how many there are.
        own: fingerprints of the tables that it has had from the beginning.
        others: fingerprints of the tables that the other tasks have had from the beginning.
    """

    number: int
    tasks: int
    own: frozenset[str]
    others: frozenset[str]

    def includes(self, relation: Relation) -> bool:
        """Whether a table is this task's: each is one task's, without a word between them."""
        found = fingerprint(relation)
        return found in self.own or (found not in self.others and int(found, 16) % self.tasks == self.number)


def shares(tables: Sequence[Relation], max_tasks: int, *, watched: bool) -> list[dict[str, str]]:
    """Task configurations that share tables.

    Args:
        tables: those there are.
        max_tasks: how many tasks at most.
        watched: whether tasks look for new tables.
    """
    tasks = max(1, min(max_tasks, len(tables)))
    found = []
    for number in range(tasks):
        own = tables[number::tasks]
        config = {TASK_TABLES: orjson.dumps([(each.schema, each.table) for each in own]).decode()}
        if watched:
            others = [fingerprint(each) for index, each in enumerate(tables) if index % tasks != number]
            config[TASK_SHARE] = f"{number}/{tasks}"
            config[TASK_OTHERS] = orjson.dumps(others).decode()
        found.append(config)
    return found


def share_of(config: Mapping[str, str]) -> Share:
    """The share in a task's configuration; all where there is none."""
    number, _, tasks = config.get(TASK_SHARE, "0/1").partition("/")
    own = frozenset(
        fingerprint(Relation(table, schema)) for schema, table in orjson.loads(config.get(TASK_TABLES, "[]"))
    )
    return Share(int(number), int(tasks), own, frozenset(orjson.loads(config.get(TASK_OTHERS, "[]"))))


def fingerprint(relation: Relation) -> str:
    """A table's name in 16 characters: a task's configuration has one for each table of the others."""
    return hashlib.blake2b(relation.name.encode(), digest_size=_FINGERPRINT_BYTES).hexdigest()
