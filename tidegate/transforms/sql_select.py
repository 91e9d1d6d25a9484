"""What a SELECT list of DuckDB does: which columns it merely passes on, and whether it looks at one row at a time."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class UnchangedColumns:
    """Columns of the result that are columns of the input.

    Args:
        renamed: name in the result to name in the input, of columns selected by name.
        star: whether all others are passed on too.
        changed: columns that a ``*`` leaves out or replaces, and names given to expressions.
    """

    renamed: dict[str, str]
    star: bool
    changed: frozenset[str]

    def source(self, name: str, given: Container[str]) -> str | None:
        """The column of the input that a column of the result is; None for a computed one."""
        if name in self.renamed:
            return self.renamed[name]
        return name if self.star and name not in self.changed and name in given else None


def is_row_wise(connection: Any, query: str) -> str | None:
    """What is wrong with a query that is to look at one row at a time; None if nothing can be told by its text."""
    parsed = json.loads(connection.execute("SELECT json_serialize_sql(?)", [query]).fetchone()[0])
    if parsed.get("error"):
        return f"it is not SQL: {parsed.get('error_message', '')}"
    statements = parsed["statements"]
    if len(statements) != 1:
        return "it holds several statements: give one expression"
    for node in _nodes(statements[0]["node"]):
        if node.get("class") == "WINDOW":
            return "it has a window function, and batches end anywhere: use expressions of one record"
        if node.get("class") == "SUBQUERY":
            return "it has a subquery: use expressions of one record"
    node = statements[0]["node"]
    groups = node.get("group_expressions") or node.get("having") or node.get("modifiers")
    return "it groups, sorts or limits records: use expressions of one record" if groups else None


def unchanged_columns(connection: Any, select: str) -> UnchangedColumns:
    """The columns a SELECT list passes on."""
    query = f"SELECT {select} FROM records"  # noqa: S608 - parsed, not run
    parsed = json.loads(connection.execute("SELECT json_serialize_sql(?)", [query]).fetchone()[0])
    renamed: dict[str, str] = {}
    changed: set[str] = set()
    star = False
    for item in parsed["statements"][0]["node"]["select_list"]:
        if item["class"] == "COLUMN_REF" and len(item["column_names"]) == 1:
            name = item["column_names"][0]
            renamed[item["alias"] or name] = name
        elif item["class"] == "STAR" and not item.get("columns"):
            star = True
            changed |= {str(one.get("key", one)) if isinstance(one, dict) else one for one in item["replace_list"]}
            changed |= {str(one.get("key", "")) for one in item.get("rename_list", []) if isinstance(one, dict)}
        else:
            changed.add(item["alias"])
    return UnchangedColumns(renamed, star, frozenset(changed))


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            yield node
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
