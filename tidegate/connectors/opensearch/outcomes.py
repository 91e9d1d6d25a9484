"""What the answer to one action of a bulk request means. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from tidegate.records.reason import Reason, Rule

_CONFLICT = 409
_NOT_FOUND = 404
_AWAY = frozenset({408, 429, 500, 502, 503, 504})
_DENIED = frozenset({401, 403})

_NOT_OF_THE_RECORD = ("index_closed_exception", "invalid_index_name_exception", "invalid_alias_name_exception")
_PASSING = ("index_not_found_exception", "cluster_block_exception", "shard_not_found_exception", "no_shard_available")
_WRONG_TARGET = ("no write index is defined", "only write ops with an op_type of create are allowed")

# The nodes' own words: they tell a document's fault in no other way.
_FIELD_OF_TYPE = re.compile(r"failed to parse field \[(?P<path>[^\]]*)\] of type \[(?P<type>\w+)\]")
_OTHER_FORM = (
    re.compile(r"object mapping for \[(?P<path>[^\]]*)\] tried to parse"),
    re.compile(r"mapper \[(?P<path>[^\]]*)\] cannot be changed from type"),
    re.compile(r"[Cc]ould not dynamically add mapping for field \[(?P<path>[^\]]*)\]"),
    re.compile(r"[Cc]an't merge a non[ -]object mapping \[(?P<path>[^\]]*)\]"),
)
_NO_PLACE = (
    re.compile(r"dynamic introduction of \[(?P<path>[^\]]*)\]"),
    re.compile(r"Limit of total fields(?P<path>)"),
)
_NOT_OF_TEXTS = frozenset(
    {
        *("byte", "short", "integer", "long", "unsigned_long", "half_float", "float", "double", "scaled_float"),
        *("boolean", "object", "nested", "geo_point", "geo_shape"),
    }
)
_OUT_OF_RANGE = ("out of range", "cannot be cast", "non-finite", "supports only finite")


class Result(Enum):
    """What becomes of a record."""

    DONE = auto()
    """It is in the index, or something newer of the same id is."""
    SUPERSEDED = auto()
    """Nothing was written, for the index has the same or something newer already: done, too."""
    AGAIN = auto()
    """The same may succeed later."""
    MALFORMED = auto()
    """The index can not take this record."""
    FATAL = auto()
    """A person has to change something, and no record is at fault."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result with the node's reason.

    Args:
        result: what becomes of the record.
        error: type of the error; empty without one.
        reason: the node's words.
    """

    result: Result
    error: str = ""
    reason: str = ""


DONE = Outcome(Result.DONE)


def outcome(item: Mapping[str, Any]) -> Outcome:
    """What one entry of ``items`` means.

    A version conflict is no failure: the index holds this record or a later one of the same id, whether this is a
    replay or a zombie's. Only a partial update that met too many others has to be made again.

    Args:
        item: such as ``{"index": {"status": 409, "error": {...}}}``.
    """
    ((action, answer),) = item.items()
    status = int(answer.get("status", 0))
    problem = answer.get("error")
    if problem is None and (status < 300 or (action == "delete" and status == _NOT_FOUND)):
        return DONE
    error, reason = _words(problem)
    if status == _CONFLICT:
        result = Result.AGAIN if action == "update" else Result.SUPERSEDED
    elif status in _AWAY or error.startswith(_PASSING):
        result = Result.AGAIN
    elif status in _DENIED or error in _NOT_OF_THE_RECORD or _is_wrong_target(reason):
        result = Result.FATAL
    else:
        result = Result.MALFORMED
    return Outcome(result, error, reason)


def refusal(found: Outcome) -> Reason:
    """Why a document is refused: the node's words, with the rule and the field that they name.

    That a number is no number tells of a field whose type has changed; a date that is none only of a bad value, since
    JSON has texts for both.

    Args:
        found: of a malformed document.
    """
    sentence = f"{found.error}: {found.reason}" if found.error else found.reason
    if match := _FIELD_OF_TYPE.search(found.reason):
        changed = match["type"] in _NOT_OF_TEXTS and not any(text in found.reason for text in _OUT_OF_RANGE)
        return Reason(sentence, Rule.TYPE_CHANGED if changed else Rule.VALUE, match["path"])
    for rule, patterns in ((Rule.TYPE_CHANGED, _OTHER_FORM), (Rule.UNKNOWN_FIELD, _NO_PLACE)):
        for pattern in patterns:
            if match := pattern.search(found.reason):
                return Reason(sentence, rule, match["path"])
    return Reason(sentence, Rule.REFUSED)


def _is_wrong_target(reason: str) -> bool:
    return any(text in reason for text in _WRONG_TARGET)


def words(body: Any) -> str:
    """The node's reason in an answer that refuses a whole request."""
    problem = body.get("error") if isinstance(body, Mapping) else body
    error, reason = _words(problem)
    return f"{error}: {reason}" if reason and error else error or reason


def _words(problem: Any) -> tuple[str, str]:
    """Type and reason, the innermost cause's after the outer one's."""
    if not isinstance(problem, Mapping):
        return "", str(problem or "")
    reasons: list[str] = []
    cause: Any = problem
    while isinstance(cause, Mapping):
        text = " ".join(str(cause.get("reason", "")).split()).rstrip(".")
        if text and text not in reasons:
            reasons.append(text)
        cause = cause.get("caused_by")
    return str(problem.get("type", "")), ": ".join(reasons)
