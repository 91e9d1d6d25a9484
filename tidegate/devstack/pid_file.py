"""The record of an owned process on disk, so that it can be found after its owner crashed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

# A pid is reused only after the kernel went round all pids, so two processes of one pid never start this close;
# the clock that psutil derives create times from can be adjusted by less than this.
_CREATE_TIME_TOLERANCE_SECONDS = 1.0


@dataclass(frozen=True)
class ProcessIdentity:
    """One OS process for all time: a pid alone is reused.

    Args:
        pid: process id.
        create_time: seconds since the epoch, as psutil gives it.
    """

    pid: int
    create_time: float

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """The identity of the process that has ``pid`` now.

        Raises:
            psutil.NoSuchProcess: there is none.
        """
        return cls(pid=pid, create_time=psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """The live process of this identity; None when it has ended or its pid belongs to another."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.create_time) < _CREATE_TIME_TOLERANCE_SECONDS
            if same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except psutil.NoSuchProcess:
            pass
        return None

    def pid_belongs_to_another(self) -> bool:
        """Whether ``pid`` now names a process other than this one."""
        try:
            create_time = psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            return False
        return abs(create_time - self.create_time) >= _CREATE_TIME_TOLERANCE_SECONDS


@dataclass(frozen=True)
class PidFile:
    """An owned process, its owner and where that is written.

    Args:
        name: the process's name, unique in its state directory.
        process: the owned process, leader of its own session.
        owner: the process that started it and stops it.
    """

    name: str
    process: ProcessIdentity
    owner: ProcessIdentity

    def write(self, state_dir: Path) -> None:
        """Write the record to ``state_dir/pids/<name>.json``, whole or not at all."""
        path = pid_path(state_dir, self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(asdict(self)))
        temporary.replace(path)


def pid_path(state_dir: Path, name: str) -> Path:
    """Where the record of process ``name`` lies."""
    return state_dir / "pids" / f"{name}.json"


def read_pid_files(state_dir: Path) -> Iterator[PidFile]:
    """Every readable record under ``state_dir``, by name."""
    for path in sorted((state_dir / "pids").glob("*.json")):
        try:
            record = json.loads(path.read_text())
            yield PidFile(
                name=record["name"],
                process=ProcessIdentity(**record["process"]),
                owner=ProcessIdentity(**record["owner"]),
            )
        except (ValueError, KeyError, TypeError, FileNotFoundError):
            continue
