"""The registry's refusals, with Confluent's error codes."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from tidegate.errors import TidegateError


class ErrorCode(enum.IntEnum):
    """Confluent's codes; the first three digits are the HTTP status."""

    INCOMPATIBLE_SCHEMA = 409
    SUBJECT_NOT_FOUND = 40401
    VERSION_NOT_FOUND = 40402
    SCHEMA_NOT_FOUND = 40403
    SUBJECT_SOFT_DELETED = 40404
    SUBJECT_NOT_SOFT_DELETED = 40405
    VERSION_SOFT_DELETED = 40406
    VERSION_NOT_SOFT_DELETED = 40407
    SUBJECT_LEVEL_NOT_CONFIGURED = 40408
    INVALID_SCHEMA = 42201
    INVALID_VERSION = 42202
    INVALID_COMPATIBILITY_LEVEL = 42203
    REFERENCE_EXISTS = 42206
    INVALID_SUBJECT = 42208
    STORE_UNAVAILABLE = 50001
    STORE_TIMEOUT = 50002

    @property
    def http_status(self) -> int:
        """The status of the HTTP answer."""
        return int(str(self.value)[:3])


class RegistryError(TidegateError):
    """A request that was refused or could not be served.

    Args:
        code: which refusal.
        message: a sentence.
        reasons: for an incompatible schema, a sentence for each reason.
    """

    def __init__(self, code: ErrorCode, message: str, reasons: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.reasons = tuple(reasons)


def subject_not_found(subject: str) -> RegistryError:
    """No such subject."""
    return RegistryError(ErrorCode.SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")


def version_not_found(version: int) -> RegistryError:
    """The subject has no such version."""
    return RegistryError(ErrorCode.VERSION_NOT_FOUND, f"Version {version} not found.")


def schema_not_found(schema_id: int | None = None) -> RegistryError:
    """No such id, or no such schema under the subject."""
    return RegistryError(
        ErrorCode.SCHEMA_NOT_FOUND, "Schema not found" if schema_id is None else f"Schema {schema_id} not found"
    )


def incompatible_schema(subject: str, reasons: Sequence[str]) -> RegistryError:
    """The schema may not follow the subject's earlier versions."""
    return RegistryError(
        ErrorCode.INCOMPATIBLE_SCHEMA,
        f'Schema being registered is incompatible with an earlier schema for subject "{subject}", details: '
        + " ".join(reasons),
        reasons,
    )


def invalid_schema(problem: str) -> RegistryError:
    """The text is no schema."""
    return RegistryError(ErrorCode.INVALID_SCHEMA, f"Invalid schema: {problem}")


def invalid_version(text: str) -> RegistryError:
    """What was given as a version is none."""
    return RegistryError(
        ErrorCode.INVALID_VERSION,
        f"The specified version '{text}' is not a valid version id. Allowed values are between [1, 2^31-1] and the"
        ' string "latest"',
    )


def invalid_level(text: object) -> RegistryError:
    """What was given as a compatibility level is none."""
    return RegistryError(
        ErrorCode.INVALID_COMPATIBILITY_LEVEL,
        f"Invalid compatibility level {text!r}. Valid values are none, backward, forward, full, backward_transitive,"
        " forward_transitive, and full_transitive",
    )


def references_exist(subject: str, version: int, ids: Sequence[int]) -> RegistryError:
    """Other schemas import the version that shall be deleted."""
    listed = ", ".join(map(str, sorted(ids)[:10]))
    return RegistryError(
        ErrorCode.REFERENCE_EXISTS,
        f"One or more references exist to version {version} of subject '{subject}': by the schemas with the ids"
        f" {listed}. Delete those first.",
    )
