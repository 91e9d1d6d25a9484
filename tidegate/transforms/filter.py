"""Filter: drops records, those its predicate chooses."""

from __future__ import annotations

from typing import ClassVar

from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.transforms.transform import Transform, TransformContext
from tidegate.transforms.transformed import Transformed


class Filter(Transform):
    """Drops every record it is given."""

    name: ClassVar[str] = "Filter"
    doc: ClassVar[str] = "Drops all records. Use it with a predicate, which chooses the records to drop."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.Filter",)
    config_def: ClassVar[ConfigDef] = ConfigDef()

    def configure(self, config: Config, context: TransformContext) -> None:
        """See the base class."""

    def apply(self, batch: Batch) -> Transformed:
        """See the base class."""
        return Transformed([])
