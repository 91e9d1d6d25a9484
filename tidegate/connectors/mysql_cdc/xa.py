"""What the log tells of transactions of XA: when one is begun, prepared, committed and rolled back.

The layout of the event is that of ``XA_prepare_log_event`` in MySQL and MariaDB; statements are as the servers write
them to their logs, ``XA COMMIT X'6274',X'',1``.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

import numpy as np

from tidegate.connectors.mysql_cdc import events as log
from tidegate.connectors.mysql_cdc.events import Events
from tidegate.connectors.mysql_cdc.statement import parse_statement
from tidegate.connectors.postgres_values.cells import Positions, gather
from tidegate.errors import FatalError

_STATEMENT = re.compile(
    r"\s*XA\s+(START|BEGIN|END|COMMIT|ROLLBACK)\s+X'([0-9a-f]*)'(?:\s*,\s*X'([0-9a-f]*)'(?:\s*,\s*(\d+))?)?",
    re.IGNORECASE,
)
_ANY = re.compile(r"\s*XA\s", re.IGNORECASE)
_PREPARED_GTID = 64
_GTID_FLAGS = 12
_LENGTHS = 13
_DEFAULT_FORMAT = 1


class Xid(NamedTuple):
    """The name of a transaction of XA.

    Args:
        format: number of the form of the other two.
        gtrid: names the global transaction.
        bqual: names its branch.
    """

    format: int
    gtrid: bytes
    bqual: bytes

    def __str__(self) -> str:
        return f"X'{self.gtrid.hex()}',X'{self.bqual.hex()}',{self.format}"


class Act(Enum):
    """What becomes of a transaction of XA."""

    START = "START"
    END = "END"
    PREPARE = "PREPARE"
    COMMIT_AT_ONCE = "COMMIT ONE PHASE"
    """Committed without having been prepared: the event ends the transaction's own events."""
    COMMIT = "COMMIT"
    ROLLBACK = "ROLLBACK"


def acts(events: Events) -> Positions:
    """Which events may tell of a transaction of XA, for :func:`act` to read.

    Args:
        events: with compressed transactions laid open.
    """
    kinds = events.kinds
    queries = np.flatnonzero(kinds == log.QUERY)
    if len(queries):
        start = events.start[queries]
        text = start + 13 + gather(events.data, start, "<u2", 11) + events.data[start + 8] + 1
        xa = (events.data[text] == ord("X")) & (events.data[text + 1] == ord("A")) & (events.data[text + 2] == ord(" "))
        queries = queries[xa]
    others = np.flatnonzero((kinds == log.XA_PREPARE) | (kinds == log.QUERY_COMPRESSED))
    return np.sort(np.concatenate([queries, others])) if len(others) else queries


def act(events: Events, index: int) -> tuple[Act, Xid] | None:
    """What an event tells of a transaction of XA; None for nothing.

    Raises:
        FatalError: it can not be read.
    """
    body = events.body(index)
    if events.kinds[index] == log.XA_PREPARE:
        format_, gtrid, bqual = (int.from_bytes(body[at : at + 4], "little") for at in (1, 5, 9))
        data = body[_LENGTHS : _LENGTHS + gtrid + bqual]
        return Act.COMMIT_AT_ONCE if body[0] else Act.PREPARE, Xid(format_, data[:gtrid], data[gtrid:])
    text = parse_statement(body, compressed=events.kinds[index] == log.QUERY_COMPRESSED).text
    found = _STATEMENT.match(text)
    if found is None:
        if _ANY.match(text):
            raise FatalError(f"The log has a statement of XA that is not understood: {text[:200]!r}.")
        return None
    verb = found[1].upper()
    format_ = int(found[4] or _DEFAULT_FORMAT)
    return Act("START" if verb == "BEGIN" else verb), Xid(
        format_, bytes.fromhex(found[2]), bytes.fromhex(found[3] or "")
    )


def prepared_groups(events: Events) -> Positions:
    """The GTID events of MariaDB after which a transaction comes that is prepared, and not committed."""
    gtids = np.flatnonzero(events.kinds == log.MARIADB_GTID)
    flags = events.data[events.start[gtids] + _GTID_FLAGS]
    found: Positions = gtids[(flags & _PREPARED_GTID) != 0]
    return found
