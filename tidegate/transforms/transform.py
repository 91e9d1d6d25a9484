"""What a transform is: a batch in, the changed records out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tidegate.converters.base import Converter
from tidegate.errors import ConfigProblem
from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.transforms.side import Side
from tidegate.transforms.transformed import Transformed


@dataclass(frozen=True, slots=True)
class TransformContext:
    """What a transform is given beside its configuration.

    Args:
        side: the half its name ends in; VALUE for transforms without ``$Key`` and ``$Value``.
        header_converter: writes the values of headers that the transform adds.
    """

    side: Side
    header_converter: Converter


class Transform(ABC):
    """Changes, routes or drops records. Used by one task, from one thread.

    Derive from this class, and offer it by an entry point in the group ``tidegate.transforms``, or name it by its path
    (``transforms.<alias>.type=module:Class``).
    """

    name: ClassVar[str]
    """Its name in ``transforms.<alias>.type``, without ``$Key`` and ``$Value``."""
    version: ClassVar[str] = "0.1.0"
    doc: ClassVar[str] = ""
    """One paragraph for users."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names, such as the Java class it stands in for."""
    config_def: ClassVar[ConfigDef]
    """Its own keys, below ``transforms.<alias>.``."""
    sided: ClassVar[bool] = False
    """Whether its name must end in ``$Key`` or ``$Value``."""

    @classmethod
    def problems(cls, config: Config) -> Sequence[ConfigProblem]:
        """What single keys can not tell: how they go together. Keys are named without the prefix."""
        return ()

    @abstractmethod
    def configure(self, config: Config, context: TransformContext) -> None:
        """Called once before use, with keys that passed ``config_def`` and :meth:`problems`."""

    @abstractmethod
    def apply(self, batch: Batch) -> Transformed:
        """Transforms a batch of one or more records.

        Every record must be judged by itself alone: the same record gives the same result whatever its neighbours are.
        A record that can not be transformed is best given as a fault. An exception raised here is taken for the fault
        of some record too: the batch is then halved until that one stands alone.

        Raises:
            RetriableError: a system the transform asks is away; the batch is offered again.
        """

    def close(self) -> None:  # noqa: B027
        """Called once at the end; releases resources."""
