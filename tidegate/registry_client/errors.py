"""What the registry's client raises."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.errors import FatalError, NotFoundError, RetriableError


class InvalidSchemaError(FatalError):
    """The text is no schema of its language."""


class SchemaNotFoundError(NotFoundError):
    """No such id, subject, version, or schema under the subject."""


class RegistryUnavailableError(RetriableError):
    """No replica answered in time, or none can reach etcd."""


class IncompatibleSchemaError(FatalError):
    """The subject's compatibility level forbids the schema.

    Args:
        subject: the subject.
        reasons: a sentence for each reason, naming field, rule and remedy.
    """

    def __init__(self, subject: str, reasons: Sequence[str]) -> None:
        self.subject = subject
        self.reasons = tuple(reasons)
        super().__init__(f'the schema is incompatible with an earlier one of subject "{subject}": {" ".join(reasons)}')
