"""Why a schema can not read the data of another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Incompatibility:
    """One reason why the reader can not read the writer's data.

    Args:
        rule: the rule's name, such as READER_FIELD_MISSING_DEFAULT_VALUE.
        path: JSON pointer, or dotted name in Protobuf, of the place that ``problem`` speaks of.
        problem: names the place and what is wrong there, without a full stop.
        remedy: what to do, as an imperative clause.
    """

    rule: str
    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}, or register under another subject. [{self.rule}]"


@dataclass(frozen=True)
class Sides:
    """How messages call the two schemas.

    Args:
        reader: the reading schema's name, such as "the new schema".
        writer: the writing schema's name, such as "version 4".
        new_reads: whether the reading schema is the new one, which its author can still change.
    """

    reader: str = "the new schema"
    writer: str = "the old schema"
    new_reads: bool = True

    @classmethod
    def backward(cls, version: int) -> Sides:
        """The new schema reads data of ``version``."""
        return cls("the new schema", f"version {version}", True)

    @classmethod
    def forward(cls, version: int) -> Sides:
        """Readers with ``version`` read data of the new schema."""
        return cls(f"version {version}", "the new schema", False)
