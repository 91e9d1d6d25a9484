"""HasHeaderKey: records with a header of a name."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type
from tidegate.transforms.headers import have_header
from tidegate.transforms.predicate import Predicate


class HasHeaderKey(Predicate):
    """Holds for records with at least one header of the name."""

    name: ClassVar[str] = "HasHeaderKey"
    doc: ClassVar[str] = "True for records with at least one header of the configured name."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.predicates.HasHeaderKey",)
    config_def: ClassVar[ConfigDef] = ConfigDef().define(
        "name", Type.STRING, REQUIRED, Importance.MEDIUM, "Name of the header."
    )

    def configure(self, config: Config) -> None:
        """See the base class."""
        self._header: str = config["name"]

    def test(self, batch: Batch) -> pa.BooleanArray:
        """See the base class."""
        return have_header(batch, self._header)
