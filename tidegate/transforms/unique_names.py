"""Field names that appear twice, after fields were renamed, joined or added."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidegate.transforms.record_column import Member, RecordColumn


def duplicate(members: Sequence[Member]) -> str | None:
    """The first name that appears again."""
    seen: set[str] = set()
    for member in members:
        if member.field.name in seen:
            return str(member.field.name)
        seen.add(member.field.name)
    return None


def last_of_each(members: Sequence[Member]) -> list[Member]:
    """The members with, of those that share a name, the last one, where the first stood: as entries of a map."""
    return list({member.field.name: member for member in members}.values())


def rows_present(records: RecordColumn) -> np.ndarray:
    """The rows that are not null."""
    return np.flatnonzero(~records.missing.to_numpy(zero_copy_only=False))
