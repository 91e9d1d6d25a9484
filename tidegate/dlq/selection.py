"""Which dead letters a command is about. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tidegate.dlq.letter import DeadLetter
from tidegate.dlq.reason_group import reason_key
from tidegate.errors import ConfigError, ConfigProblem


@dataclass(frozen=True)
class Selection:
    """Letters by group, place or connector; without any of them all.

    Args:
        groups: names of groups.
        places: (partition, offset) in the queue.
        connector: who halted them.
    """

    groups: Collection[str] = ()
    places: Collection[tuple[int, int]] = ()
    connector: str = ""

    def __contains__(self, letter: DeadLetter) -> bool:
        # A queue whose context headers are off does not tell the connector.
        if self.connector and letter.connector and letter.connector != self.connector:
            return False
        if not self.groups and not self.places:
            return True
        return (letter.partition, letter.offset) in self.places or reason_key(letter).name in self.groups


def places_of(texts: Collection[str]) -> list[tuple[int, int]]:
    """Places in a queue: ``12``, ``12-40`` or, in a partition other than 0, ``3:12-40``.

    Raises:
        ConfigError: a text is none.
    """
    found: list[tuple[int, int]] = []
    for text in texts:
        for part in filter(None, (each.strip() for each in text.split(","))):
            partition, _, span = part.rpartition(":")
            first, dash, last = span.partition("-")
            numbers = [partition or "0", first, last if dash else first]
            if not all(number.isdecimal() for number in numbers):
                raise ConfigError(
                    [ConfigProblem("--offset", f"{part!r} is no offset: write 12, 12-40 or partition:12-40.")]
                )
            within, start, end = map(int, numbers)
            found += [(within, offset) for offset in range(start, end + 1)]
    return found
