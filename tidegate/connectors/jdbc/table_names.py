"""Which names a configuration chooses among those of tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidegate.sdk.config_def import Config

_PLAIN = re.compile(r"[\w$]+(\.[\w$]+)?")
_QUALIFIED = re.compile(r"[\w$]+(\\\.|\.[\w$(\[])")


@dataclass(frozen=True, slots=True)
class TableNames:
    """Names and patterns of a configuration.

    Args:
        names: tables that have to exist, as ``table`` or ``schema.table``.
        patterns: regular expressions of others; None when all are chosen.
        excluded: names that are not chosen.
        excluded_patterns: regular expressions of others that are not.
    """

    names: Sequence[str]
    patterns: Sequence[str] | None
    excluded: frozenset[str]
    excluded_patterns: Sequence[str]

    @classmethod
    def from_config(cls, config: Config) -> TableNames:
        """Those of a connector's configuration."""
        named = list(config["table.whitelist"] or ())
        listed = list(config["table.include.list"] or ())
        plain = [text for text in listed if _PLAIN.fullmatch(text)]
        patterns = [text for text in listed if not _PLAIN.fullmatch(text)]
        return cls(
            [*named, *plain],
            patterns if named or listed else None,
            frozenset(config["table.blacklist"] or ()),
            config["table.exclude.list"] or (),
        )

    @property
    def grows(self) -> bool:
        """Whether tables that are made later may be chosen too."""
        return self.patterns is None or bool(self.patterns)

    @property
    def qualified(self) -> bool:
        """Whether a pattern begins with a schema."""
        return any(_QUALIFIED.match(pattern) for pattern in self.patterns or ())

    def matches(self, schema: str | None, table: str, *, default: bool) -> bool:
        """Whether a table is chosen by a pattern.

        Args:
            schema: its schema; None where the database has none.
            table: its name.
            default: whether its schema is one that may be left out.
        """
        return self.patterns is None or _any(self.patterns, _forms(schema, table, short=default))

    def excludes(self, schema: str | None, table: str) -> bool:
        """Whether a table is not to be read, in whatever way it was chosen."""
        forms = _forms(schema, table, short=True)
        return any(form in self.excluded for form in forms) or _any(self.excluded_patterns, forms)


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


def _forms(schema: str | None, table: str, *, short: bool) -> list[str]:
    return [*([table] if short or schema is None else []), *([f"{schema}.{table}"] if schema is not None else [])]


def _any(patterns: Sequence[str], forms: Sequence[str]) -> bool:
    return any(re.fullmatch(pattern, form) for pattern in patterns for form in forms)
