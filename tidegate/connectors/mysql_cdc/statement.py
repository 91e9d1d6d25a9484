"""QUERY events: statements that are in the log as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tidegate.connectors.mysql_cdc.ddl import Context
from tidegate.connectors.mysql_cdc.events import inflated
from tidegate.connectors.mysql_cdc.statement_time import StatementTime

_FIRST_WORD = re.compile(r"(?:\s|/\*(?!M?!).*?\*/|--\s[^\n]*\n|#[^\n]*\n|/\*M?!\d*|\()*([A-Za-z]+)", re.DOTALL)
_XA_INSIDE = re.compile(r"\s*XA\s+(?:START|BEGIN|END)\b", re.IGNORECASE)
_TO_SAVEPOINT = re.compile(r"\s*ROLLBACK\s+(?:WORK\s+)?TO\b", re.IGNORECASE)
_ANSI_QUOTES, _NO_BACKSLASHES = 1 << 2, 1 << 20
_SQL_MODE, _TIME_ZONE, _MICROS, _MARIADB_MICROS = 1, 5, 13, 128
_CATALOG, _CATALOG_WITHOUT_NUL, _INVOKER, _DATABASES, _TOO_MANY = 2, 6, 11, 12, 254
_SIZES = {0: 4, _SQL_MODE: 8, 3: 4, 4: 6, 7: 2, 8: 2, 9: 8, 10: 4, _MICROS: 3, _MARIADB_MICROS: 3}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement.

    Args:
        text: it.
        database: that names without one are of.
        thread: the session that ran it.
        sql_mode: of the session, as a number.
        micros: what its time has beyond a whole second; told where it matters.
        zone: time zone of the session; told where it matters.
    """

    text: str
    database: str
    thread: int
    sql_mode: int
    micros: int = 0
    zone: str | None = None

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

    def context(self, charset_of: Callable[[str], str | None], second: int) -> Context:
        """How it was run.

        Args:
            charset_of: the default character set of a database.
            second: when, since 1970.
        """
        return Context(
            self.database,
            bool(self.sql_mode & _ANSI_QUOTES),
            not self.sql_mode & _NO_BACKSLASHES,
            charset_of,
            StatementTime(second * 1_000_000 + self.micros, self.zone),
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
    told = _variables(status)
    micros = told.get(_MICROS, told.get(_MARIADB_MICROS, b""))
    return Statement(
        text.decode("utf-8", "replace"),
        database,
        thread,
        int.from_bytes(told.get(_SQL_MODE, b""), "little"),
        int.from_bytes(micros, "little"),
        told[_TIME_ZONE].decode() if _TIME_ZONE in told else None,
    )


def _variables(status: bytes) -> dict[int, bytes]:
    """The status variables by their codes, up to one that is not known."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(status):
        code = status[at]
        at += 1
        if code in _SIZES:
            end = at + _SIZES[code]
        elif code in (_TIME_ZONE, _CATALOG_WITHOUT_NUL, _CATALOG):
            at += 1
            end = at + status[at - 1]
        elif code == _INVOKER:
            end = at + 1 + status[at]
            end += 1 + status[end]
        elif code == _DATABASES:
            end = at + 1
            for _ in range(status[at] if status[at] != _TOO_MANY else 0):
                end = status.index(0, end) + 1
        else:
            break
        found[code] = status[at:end]
        at = end + (code == _CATALOG)
    return found
