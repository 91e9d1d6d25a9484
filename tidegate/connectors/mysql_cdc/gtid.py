"""Sets of global transaction ids: MariaDB's ``domain-server-sequence`` and MySQL's ``uuid:first-last``."""

from __future__ import annotations

import struct
import uuid

_LENGTH = struct.Struct("<Q")


class MariaDbGtids:
    """The last transaction of each domain.

    Args:
        text: as ``gtid_current_pos`` has it: ``0-1-100,1-2-7``.

    Raises:
        ValueError: the text is none.
    """

    def __init__(self, text: str = "") -> None:
        self._last: dict[int, tuple[int, int]] = {}
        for part in filter(None, (one.strip() for one in text.split(","))):
            self.add(part)

    def add(self, gtid: str) -> None:
        """Takes in a transaction."""
        try:
            domain, server, sequence = (int(number) for number in gtid.split("-"))
        except ValueError:
            raise ValueError(f"{gtid!r} is no GTID of MariaDB, which looks like 0-1-100") from None
        self._last[domain] = (server, sequence)

    def __str__(self) -> str:
        return ",".join(f"{domain}-{server}-{number}" for domain, (server, number) in sorted(self._last.items()))

    def __bool__(self) -> bool:
        return bool(self._last)


class MySqlGtids:
    """The transactions of each server, as ranges.

    Args:
        text: as ``gtid_executed`` has it: ``uuid:1-5:7,uuid:1``.

    Raises:
        ValueError: the text is none.
    """

    def __init__(self, text: str = "") -> None:
        self._ranges: dict[str, list[list[int]]] = {}
        for part in filter(None, ("".join(one.split()) for one in text.split(","))):
            server, *ranges = part.split(":")
            try:
                name = str(uuid.UUID(server))
                pairs = [[int(number) for number in one.split("-")] for one in ranges]
            except ValueError:
                raise ValueError(f"{part!r} is no set of GTIDs of MySQL, which looks like UUID:1-100") from None
            for pair in pairs:
                self._insert(name, pair[0], pair[-1])

    def add(self, gtid: str) -> None:
        """Takes in a transaction."""
        server, _, number = gtid.rpartition(":")
        ranges = self._ranges.get(server)
        if ranges and ranges[-1][1] + 1 == int(number):
            ranges[-1][1] += 1
        else:
            self._insert(server, int(number), int(number))

    def _insert(self, server: str, first: int, last: int) -> None:
        merged: list[list[int]] = []
        for one in sorted([*self._ranges.get(server, []), [first, last]]):
            if merged and one[0] <= merged[-1][1] + 1:
                merged[-1][1] = max(merged[-1][1], one[1])
            else:
                merged.append(list(one))
        self._ranges[server] = merged

    def encoded(self) -> bytes:
        """As COM_BINLOG_DUMP_GTID has it."""
        parts = [_LENGTH.pack(len(self._ranges))]
        for server, ranges in sorted(self._ranges.items()):
            parts += [uuid.UUID(server).bytes, _LENGTH.pack(len(ranges))]
            parts += [_LENGTH.pack(first) + _LENGTH.pack(last + 1) for first, last in ranges]
        return b"".join(parts)

    def __str__(self) -> str:
        return ",".join(
            ":".join([server, *(f"{a}-{b}" if a != b else str(a) for a, b in ranges)])
            for server, ranges in sorted(self._ranges.items())
        )

    def __bool__(self) -> bool:
        return bool(self._ranges)


Gtids = MariaDbGtids | MySqlGtids
