"""Names of tables: from a topic through ``table.name.format``. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tidegate.errors import FatalError

_PART = re.compile(r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|[^."`]+')
_NAME = re.compile(rf"(?:{_PART.pattern})(?:\.(?:{_PART.pattern}))*")


@dataclass(frozen=True, slots=True)
class TableId:
    """A table.

    Args:
        name: its name.
        schema: its schema (MariaDB: database); None for the connection's default.
    """

    name: str
    schema: str | None = None

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


def table_id(name_format: str, topic: str, *, database: str | None = None) -> TableId:
    """The table of a topic's records.

    Args:
        name_format: ``table.name.format``.
        topic: the topic.
        database: the connected database, which a name of three parts may begin with.

    Raises:
        FatalError: the name has too many parts, or is malformed.
    """
    text = name_format.replace("${topic}", topic)
    parts = [_unquoted(part) for part in _PART.findall(text)] if _NAME.fullmatch(text) else []
    if len(parts) == 3 and parts[0] == database:
        del parts[0]
    if not 1 <= len(parts) <= 2 or not all(parts):
        raise FatalError(
            f"{text!r} names no table of this database.",
            remedy='Set table.name.format to table or schema.table; quotes keep a dot in a name: "${topic}".',
        )
    return TableId(parts[-1], parts[0] if len(parts) == 2 else None)


def _unquoted(part: str) -> str:
    mark = part[0]
    return part[1:-1].replace(mark * 2, mark) if mark in '"`' else part
