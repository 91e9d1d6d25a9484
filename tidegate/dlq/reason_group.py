"""Dead letters by their reason. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from tidegate.dlq.letter import DeadLetter


class ReasonKey(NamedTuple):
    """What letters of a group have in common."""

    rule: str
    shape: str
    topic: str
    schema_id: int | None
    stage: str
    connector: str

    @property
    def name(self) -> str:
        """A short name that is the same as long as the reason is."""
        text = "\0".join(map(str, self))
        return hashlib.blake2s(text.encode(), digest_size=3).hexdigest()


def reason_key(letter: DeadLetter) -> ReasonKey:
    """The group of a letter."""
    stage = letter.context.get("stage", "")
    return ReasonKey(letter.rule, letter.shape, letter.topic, letter.schema_id, stage, letter.connector)


@dataclass
class ReasonGroup:
    """Letters with one reason.

    Args:
        key: what they have in common.
        first: the first of them.
        last: the last of them.
        count: how many.
        replayed: how many of them have been replayed before and came back.
    """

    key: ReasonKey
    first: DeadLetter
    last: DeadLetter
    count: int = 0
    replayed: int = 0

    def add(self, letter: DeadLetter) -> None:
        """One more."""
        self.count += 1
        self.replayed += letter.replays > 0
        self.last = letter


class ReasonGroups:
    """Groups in the order of their first letters; holds two letters of each, however many there are."""

    def __init__(self) -> None:
        self.found: dict[ReasonKey, ReasonGroup] = {}

    def add(self, letter: DeadLetter) -> None:
        """One more."""
        key = reason_key(letter)
        group = self.found.get(key)
        if group is None:
            group = self.found[key] = ReasonGroup(key, letter, letter)
        group.add(letter)
