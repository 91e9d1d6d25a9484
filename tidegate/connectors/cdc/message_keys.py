"""Which columns make the key of a table's records."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.connectors.cdc.name_patterns import NamePatterns
from tidegate.connectors.cdc.table_id import TableId


class MessageKeys:
    """``message.key.columns``: other keys than the primary one.

    Args:
        text: ``schema.table:column,column`` with a pattern for the table, several between semicolons.

    Raises:
        ValueError: the text has another form.
    """

    def __init__(self, text: str | None) -> None:
        self._rules: list[tuple[NamePatterns, list[str]]] = []
        for part in filter(None, (one.strip() for one in (text or "").split(";"))):
            table, colon, columns = part.rpartition(":")
            names = [name.strip() for name in columns.split(",") if name.strip()]
            if not colon or not table or not names:
                raise ValueError(f"{part!r} is not of the form schema.table:column,column")
            self._rules.append((NamePatterns(table), names))

    def columns(self, table: TableId, own: Sequence[str], known: Sequence[str]) -> list[str]:
        """The key columns of a table.

        Args:
            table: which.
            own: its primary key.
            known: all its columns.
        """
        for pattern, names in self._rules:
            if pattern.match(table.name):
                by_lower = {name.lower(): name for name in known}
                return [by_lower[name.lower()] for name in names if name.lower() in by_lower]
        return list(own)


def message_keys_problem(text: str | None) -> str | None:
    """What is wrong with the value of ``message.key.columns``."""
    try:
        MessageKeys(text)
    except ValueError as error:
        return f"{error}: write for example public.orders:customer,number;public.lines:id"
    return None
