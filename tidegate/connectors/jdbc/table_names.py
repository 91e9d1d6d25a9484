"""Which names a configuration chooses among those of tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidegate.connectors.jdbc.relation import Relation
from tidegate.sdk.config_def import Config

_PLAIN = re.compile(r"[\w$]+(\.[\w$]+){0,2}")
_NAME_PART = re.compile(r"""\"[^"]+"|`[^`]+`|[^."`]+""")
_QUOTED_NAME = re.compile(rf"(?=.*[\"`])(?:{_NAME_PART.pattern})(?:\.(?:{_NAME_PART.pattern}))*")
_QUALIFIED = re.compile(r"[\w$]+(\\\.|\.[\w$(\[])")


@dataclass(frozen=True, slots=True)
class TableNames:
    """Names and patterns of a configuration.

    Args:
        names: tables that have to exist, as ``table`` or ``schema.table``.
        patterns: regular expressions of others; None when all are chosen.
        excluded: names that are not chosen.
        excluded_patterns: regular expressions of others that are not.
        database: name of the database, as which names and what patterns match may begin.
    """

    names: Sequence[str]
    patterns: Sequence[str] | None
    excluded: frozenset[str]
    excluded_patterns: Sequence[str]
    database: str | None = None

    @classmethod
    def from_config(cls, config: Config, database: str | None = None) -> TableNames:
        """Those of a connector's configuration.

        Args:
            config: the connector's.
            database: name of the database, as which names may begin.
        """
        named = list(config["table.whitelist"] or ())
        listed = list(config["table.include.list"] or ())
        plain = [text for text in listed if _PLAIN.fullmatch(text)]
        patterns = [text for text in listed if not _PLAIN.fullmatch(text)]
        return cls(
            [*named, *plain],
            patterns if named or listed else None,
            frozenset(config["table.blacklist"] or ()),
            config["table.exclude.list"] or (),
            database,
        )

    @property
    def grows(self) -> bool:
        """Whether tables that are made later may be chosen too."""
        return self.patterns is None or bool(self.patterns)

    @property
    def qualified(self) -> bool:
        """Whether a pattern begins with a schema."""
        return any(_QUALIFIED.match(pattern) for pattern in self.patterns or ())

    def readings(self, text: str) -> Sequence[tuple[str | None, str]]:
        """What a name may mean, as schema, or None where it says none, and table. A dot may be part of either.

        Args:
            text: ``table``, ``schema.table`` or ``database.schema.table``, parts in quotes or not.
        """
        quoted = _QUOTED_NAME.fullmatch(text)
        if quoted:
            parts = [part[1:-1] if part[0] in '"`' else part for part in _NAME_PART.findall(text)]
            return [(parts[-2] if len(parts) > 1 else None, parts[-1])]
        pieces = text.split(".")
        if len(pieces) > 2 and pieces[0] == self.database:
            pieces = pieces[1:]
        found: list[tuple[str | None, str]] = [(None, text)]
        return found + [(".".join(pieces[:at]), ".".join(pieces[at:])) for at in range(1, len(pieces))]

    def matches(self, schema: str | None, table: str, *, default: bool) -> bool:
        """Whether a table is chosen by a pattern.

        Args:
            schema: its schema; None where the database has none.
            table: its name.
            default: whether its schema is one that may be left out.
        """
        return self.patterns is None or _any(self.patterns, self._forms(schema, table, short=default))

    def excludes(self, schema: str | None, table: str) -> bool:
        """Whether a table is not to be read, in whatever way it was chosen."""
        forms = self._forms(schema, table, short=True)
        return any(form in self.excluded for form in forms) or _any(self.excluded_patterns, forms)

    def _forms(self, schema: str | None, table: str, *, short: bool) -> Sequence[str]:
        forms = Relation(table, schema).qualified_names(self.database)
        return forms if short or schema is None else forms[:-1]


def like(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that a LIKE pattern matches: ``%`` is any characters, ``_`` is one.

    A name that is the pattern to the letter is the only one: most underscores are meant as such.
    """
    found = list(names)
    if pattern in found:
        return [pattern]
    wild = {"%": ".*", "_": "."}
    regex = re.compile("".join(wild.get(character) or re.escape(character) for character in pattern), re.DOTALL)
    return [name for name in found if regex.fullmatch(name)]


def _any(patterns: Sequence[str], forms: Sequence[str]) -> bool:
    return any(re.fullmatch(pattern, form) for pattern in patterns for form in forms)
