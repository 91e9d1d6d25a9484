"""A schema that has been read and understood."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tidegate_registry.schemas.incompatibility import Incompatibility, Sides
from tidegate_registry.schemas.schema_type import SchemaType


class ParsedSchema(ABC):
    """A valid schema of one language, with its references resolved."""

    @property
    @abstractmethod
    def type(self) -> SchemaType:
        """Its language."""

    @abstractmethod
    def canonical(self, *, normalize: bool = False) -> str:
        """The text equal schemas share whatever their whitespace; with ``normalize`` also whatever their order."""

    @abstractmethod
    def find_unreadable(self, writer: ParsedSchema, sides: Sides) -> Sequence[Incompatibility]:
        """Every reason why this schema can not read data of ``writer``, which is of the same language."""
