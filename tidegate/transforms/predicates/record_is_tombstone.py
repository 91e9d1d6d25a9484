"""RecordIsTombstone: records without a value."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.transforms.predicate import Predicate


class RecordIsTombstone(Predicate):
    """Holds for tombstones."""

    name: ClassVar[str] = "RecordIsTombstone"
    doc: ClassVar[str] = "True for tombstones: records whose value is null."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",)
    config_def: ClassVar[ConfigDef] = ConfigDef()

    def configure(self, config: Config) -> None:
        """See the base class."""

    def test(self, batch: Batch) -> pa.BooleanArray:
        """See the base class."""
        return batch.value.is_null()
