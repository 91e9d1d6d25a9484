"""Reasons: sentences for people that also name the broken rule and the field, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Rule(StrEnum):
    """What a halted record broke."""

    GARBAGE = "garbage"
    """The bytes are not what a serializer writes, or not what their schema says."""
    UNKNOWN_ID = "unknown-schema-id"
    """The registry does not know the schema id."""
    WRONG_SUBJECT = "wrong-subject"
    """The schema id is not registered under the subject of the topic."""
    INCOMPATIBLE = "incompatible-schema"
    """The subject's compatibility level forbids the schema."""
    MISSING_FIELD = "missing-field"
    """A field the target or the schema requires is not there."""
    UNKNOWN_FIELD = "unknown-field"
    """A field the target has no place for."""
    TYPE_CHANGED = "type-changed"
    """A field's type does not go into the target's."""
    NULL = "null"
    """A value is null where none may be."""
    VALUE = "value"
    """A single value does not fit, though its type does."""
    REFUSED = "refused"
    """The target refused the record itself."""


DRIFT = frozenset({Rule.WRONG_SUBJECT, Rule.INCOMPATIBLE, Rule.MISSING_FIELD, Rule.UNKNOWN_FIELD, Rule.TYPE_CHANGED})
"""Rules that a change of the schema breaks, not a single record."""


class Reason(str):
    """A sentence naming field, rule and remedy, that can be given wherever a sentence is.

    Args:
        sentence: for people.
        rule: what was broken.
        path: the field, with dots; empty for the record as a whole.
    """

    rule: Rule
    path: str

    def __new__(cls, sentence: str, rule: Rule, path: str = "") -> Reason:
        """Makes one; see the class."""
        made = super().__new__(cls, sentence)
        made.rule = rule
        made.path = path
        return made


def all_reasons(reasons: Sequence[str]) -> str:
    """Several reasons as one, which goes by the first one's rule and field; empty if there is none."""
    sentence = "; ".join(reasons)
    named = next((each for each in reasons if isinstance(each, Reason)), None)
    return sentence if named is None else Reason(sentence, named.rule, named.path)


def rule_of(sentence: str, exception: str) -> Rule | None:
    """The rule a reason names, or its error implies; None where neither tells.

    Args:
        sentence: the reason.
        exception: name of the error.
    """
    if isinstance(sentence, Reason):
        return sentence.rule
    return _BY_EXCEPTION.get(exception)


def path_of(sentence: str) -> str:
    """The field a reason names; empty where it does not tell."""
    return sentence.path if isinstance(sentence, Reason) else ""


_BY_EXCEPTION = {
    "WireFormatError": Rule.GARBAGE,
    "IncompatibleSchemaError": Rule.INCOMPATIBLE,
    "SchemaNotFoundError": Rule.UNKNOWN_ID,
    "JSONDecodeError": Rule.GARBAGE,
}
