"""DropHeaders: takes headers away."""

from __future__ import annotations

from typing import ClassVar

from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type, non_empty
from tidegate.transforms.headers import without_headers
from tidegate.transforms.transform import Transform, TransformContext
from tidegate.transforms.transformed import Transformed, whole


class DropHeaders(Transform):
    """Removes headers by name."""

    name: ClassVar[str] = "DropHeaders"
    doc: ClassVar[str] = "Removes one or more headers from each record."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.DropHeaders",)
    config_def: ClassVar[ConfigDef] = ConfigDef().define(
        "headers", Type.LIST, REQUIRED, Importance.HIGH, "Names of the headers to remove.", validator=non_empty
    )

    def configure(self, config: Config, context: TransformContext) -> None:
        """See the base class."""
        self._headers: list[str] = config["headers"]

    def apply(self, batch: Batch) -> Transformed:
        """See the base class."""
        return whole(without_headers(batch, self._headers))
