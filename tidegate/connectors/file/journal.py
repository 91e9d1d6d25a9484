"""The journal of a file sink: which offsets the file held at which length."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from tidegate.errors import FatalError
from tidegate.records.envelope import TopicPartition

_COMPACT_ABOVE = 1000
_KEPT = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One state of the file.

    Args:
        length: bytes of the file.
        offsets: next offset of every topic partition written to it so far.
    """

    length: int
    offsets: Mapping[TopicPartition, int]


class Journal:
    """Entries in the order they were made, each on disk before the Kafka transaction that commits its offsets.

    Args:
        path: where it is kept.

    Raises:
        FatalError: it can not be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries = _read(path)

    def committed(self, offsets: Mapping[TopicPartition, int | None]) -> Entry | None:
        """The last entry whose offsets had all been committed; None if there is none.

        Args:
            offsets: what is committed now; partitions that are not named are not looked at.
        """
        for entry in reversed(self.entries):
            if all((offsets[where] or 0) >= offset for where, offset in entry.offsets.items() if where in offsets):
                return entry
        return None

    def append(self, entry: Entry) -> None:
        """Adds an entry, durably."""
        self.entries.append(entry)
        if len(self.entries) > _COMPACT_ABOVE:
            self.entries = self.entries[-_KEPT:]
            self._rewrite()
            return
        with self._path.open("ab") as file:
            file.write(_line(entry))
            file.flush()
            os.fsync(file.fileno())

    def cut_to(self, entry: Entry) -> None:
        """Drops the entries after one."""
        self.entries = self.entries[: self.entries.index(entry) + 1]
        self._rewrite()

    def _rewrite(self) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("wb") as file:
            file.writelines(map(_line, self.entries))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def _read(path: Path) -> list[Entry]:
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FatalError(f"Cannot read {path}: {error.strerror}.", remedy="Check the directory of file.") from error
    # A last line without its end was being written when the process died: nothing was committed with it.
    return [_parse(path, line) for line in lines if line.endswith(b"\n")]


def _line(entry: Entry) -> bytes:
    offsets = [[where.topic, where.partition, offset] for where, offset in entry.offsets.items()]
    return orjson.dumps({"length": entry.length, "offsets": offsets}) + b"\n"


def _parse(path: Path, line: bytes) -> Entry:
    try:
        data = orjson.loads(line)
        return Entry(data["length"], {TopicPartition(topic, part): offset for topic, part, offset in data["offsets"]})
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise FatalError(f"{path} is damaged: {error}.", remedy="Delete it to append to the file as it is.") from error
