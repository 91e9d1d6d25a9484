"""Why a database refuses a row, as a sentence that names the column, the rule and the remedy. Pure."""

from __future__ import annotations

from enum import StrEnum

from tidegate.connectors.jdbc_sink.table_id import TableId
from tidegate.records import reason
from tidegate.records.reason import Reason


class Rule(StrEnum):
    """Kinds of rules, each with its remedy."""

    NOT_NULL = "give the field a value, or let the column be null"
    UNIQUE = "use insert.mode=upsert if the key is known already, or remove the row that is in the way"
    OTHER_UNIQUE = "remove the row that is in the way, or the unique index"
    REFERENCE = "write the row that is referred to first, or drop the foreign key"
    CHECK = "correct the value, or alter the constraint"
    LENGTH = "shorten the value, or widen the column"
    RANGE = "correct the value, or widen the column"
    FORM = "correct the value, or alter the column"
    PACKET = "raise it, or keep such records out"


_NAMES = {
    Rule.NOT_NULL: reason.Rule.NULL,
    Rule.LENGTH: reason.Rule.VALUE,
    Rule.RANGE: reason.Rule.VALUE,
    Rule.FORM: reason.Rule.VALUE,
}


def refusal(table: TableId, rule: Rule, text: str, column: str | None = None) -> Reason:
    """The sentence.

    Args:
        table: the table.
        rule: what kind of rule is broken.
        text: the database's own words.
        column: the column, if it tells.
    """
    where = f"column {column!r} of table {table}" if column else f"table {table}"
    sentence = f"{where} refuses the record: {' '.join(text.split()).rstrip('.')}: {rule}"
    return Reason(sentence, _NAMES.get(rule, reason.Rule.REFUSED), column or "")
