"""What a predicate is: which records of a batch a transform applies to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa

from tidegate.errors import ConfigProblem
from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import Config, ConfigDef


class Predicate(ABC):
    """Chooses records. Offered by an entry point in the group ``tidegate.predicates``, or named by its path."""

    name: ClassVar[str]
    """Its name in ``predicates.<alias>.type``."""
    version: ClassVar[str] = "0.1.0"
    doc: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    config_def: ClassVar[ConfigDef]
    """Its own keys, below ``predicates.<alias>.``."""

    @classmethod
    def problems(cls, config: Config) -> Sequence[ConfigProblem]:
        """What single keys can not tell. Keys are named without the prefix."""
        return ()

    @abstractmethod
    def configure(self, config: Config) -> None:
        """Called once before use, with keys that passed ``config_def`` and :meth:`problems`."""

    @abstractmethod
    def test(self, batch: Batch) -> pa.BooleanArray:
        """Whether it holds, for each of n records; without nulls."""

    def close(self) -> None:  # noqa: B027
        """Called once at the end."""
