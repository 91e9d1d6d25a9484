"""QUERY events: statements that are in the log as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tidegate.connectors.mysql_cdc.ddl import Context
from tidegate.connectors.mysql_cdc.events import inflated

_FIRST_WORD = re.compile(r"(?:\s|/\*(?!M?!).*?\*/|--\s[^\n]*\n|#[^\n]*\n|/\*M?!\d*|\()*([A-Za-z]+)", re.DOTALL)
_XA_INSIDE = re.compile(r"\s*XA\s+(?:START|BEGIN|END)\b", re.IGNORECASE)
_TO_SAVEPOINT = re.compile(r"\s*ROLLBACK\s+(?:WORK\s+)?TO\b", re.IGNORECASE)
_ANSI_QUOTES, _NO_BACKSLASHES = 1 << 2, 1 << 20
_FLAGS, _SQL_MODE = 0, 1


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement.

    Args:
        text: it.
        database: that names without one are of.
        thread: the session that ran it.
        sql_mode: of the session, as a number.
    """

    text: str
    database: str
    thread: int
    sql_mode: int

    @property
    def word(self) -> str:
        """Its first word, in capitals."""
        found = _FIRST_WORD.match(self.text)
        return found[1].upper() if found else ""

    @property
    def begins(self) -> bool:
        """Whether it begins a transaction, or stands within one of XA before that is prepared."""
        return self.word == "BEGIN" or _XA_INSIDE.match(self.text) is not None

    @property
    def ends(self) -> bool:
        """Whether it ends a transaction."""
        return (self.word in ("COMMIT", "ROLLBACK") and _TO_SAVEPOINT.match(self.text) is None) or (
            self.word == "XA" and not self.begins
        )

    def context(self, charset_of: Callable[[str], str | None]) -> Context:
        """How it was run."""
        return Context(
            self.database, bool(self.sql_mode & _ANSI_QUOTES), not self.sql_mode & _NO_BACKSLASHES, charset_of
        )


def parse_statement(body: bytes, *, compressed: bool = False) -> Statement:
    """Reads a QUERY event.

    Args:
        body: of the event, without header and checksum.
        compressed: whether MariaDB compressed the text.
    """
    thread = int.from_bytes(body[:4], "little")
    schema_size = body[8]
    status_size = int.from_bytes(body[11:13], "little")
    status = body[13 : 13 + status_size]
    at = 13 + status_size
    database = body[at : at + schema_size].decode()
    text = body[at + schema_size + 1 :]
    if compressed:
        text = inflated(text)
    return Statement(text.decode("utf-8", "replace"), database, thread, _mode(status))


def _mode(status: bytes) -> int:
    # The flags come first, then the mode; what follows does not matter here.
    if len(status) >= 14 and status[0] == _FLAGS and status[5] == _SQL_MODE:
        return int.from_bytes(status[6:14], "little")
    return 0
