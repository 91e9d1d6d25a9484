"""What can go wrong while starting a component of the embedded stack."""

from __future__ import annotations

from pathlib import Path

from tidegate.errors import FatalError


class ComponentMissingError(FatalError):
    """A program the component needs (a wheel's binary, Java, Maven) is not on this machine."""


class ComponentStartError(FatalError):
    """A process ended before it was ready, or was not ready within its deadline.

    Args:
        name: the component or process, such as ``etcd``.
        problem: what happened, without a full stop: ``exited with status 1``.
        log_path: the file holding the process's whole output.
        log_tail: the last lines of that output.
    """

    def __init__(self, name: str, problem: str, *, log_path: Path, log_tail: str) -> None:
        self.name = name
        self.log_path = log_path
        self.log_tail = log_tail
        shown = log_tail.strip() or "(no output)"
        super().__init__(f"{name} {problem}.", remedy=f"Read {log_path}; it ends with:\n{shown}")


class StateDirInUseError(FatalError):
    """Another live stack holds this state directory.

    Args:
        state_dir: the directory both want.
    """

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        super().__init__(
            f"the state directory {state_dir} is in use by another running stack.",
            remedy="Stop that one, or choose another state directory.",
        )
