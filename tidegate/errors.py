"""The errors of Tidegate. Whether a retry can help is part of the type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class TidegateError(Exception):
    """Base of every error Tidegate raises on purpose.

    Args:
        message: what is wrong, naming the thing (key, topic, table) and the problem of its value.
        remedy: what to do next, as an imperative sentence; shown after the message.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message if not remedy else f"{message} {remedy}")
        self.message = message
        self.remedy = remedy


class RetriableError(TidegateError):
    """The same request may succeed later: a peer is away, a conflict, a timeout."""


class FatalError(TidegateError):
    """Retrying the same thing fails the same way: a person has to change something."""


class NotFoundError(FatalError):
    """The named connector, task, subject or schema does not exist (HTTP 404, NOT_FOUND)."""


class AlreadyExistsError(FatalError):
    """A thing of that name exists (HTTP 409, ALREADY_EXISTS)."""


class ConflictError(RetriableError):
    """The state changed underneath or does not allow the request now (HTTP 409, FAILED_PRECONDITION)."""


class FencedError(FatalError):
    """This incarnation has been replaced: a newer claim, leader or transactional producer exists."""


@dataclass(frozen=True)
class ConfigProblem:
    """One thing wrong with one configuration key.

    Args:
        key: configuration key, as the user wrote it.
        message: the value's problem and the remedy, in words, without secrets.
    """

    key: str
    message: str


class ConfigError(FatalError):
    """One or more configuration values are unusable (HTTP 400, INVALID_ARGUMENT).

    Args:
        problems: every problem found, not just the first.
    """

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        lines = "; ".join(f"{problem.key}: {problem.message}" for problem in self.problems)
        super().__init__(f"configuration is invalid: {lines}")


class RecordHaltedError(FatalError):
    """A record can not go on and ``errors.tolerance`` is ``none``: the task fails at it, having lost nothing."""
