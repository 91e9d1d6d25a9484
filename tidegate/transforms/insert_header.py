"""InsertHeader: the same header for each record."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type
from tidegate.transforms.connect_literal import literal
from tidegate.transforms.headers import with_headers
from tidegate.transforms.transform import Transform, TransformContext
from tidegate.transforms.transformed import Transformed, faults_of, whole, without


class InsertHeader(Transform):
    """Adds a header with a fixed value."""

    name: ClassVar[str] = "InsertHeader"
    doc: ClassVar[str] = "Adds a header to each record. Its value is typed by its look: 1 is a number, true a boolean."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.InsertHeader",)
    config_def: ClassVar[ConfigDef] = (
        ConfigDef()
        .define("header", Type.STRING, REQUIRED, Importance.HIGH, "Name of the header.")
        .define("value.literal", Type.STRING, REQUIRED, Importance.HIGH, "Its value, a literal of Kafka Connect.")
    )

    def configure(self, config: Config, context: TransformContext) -> None:
        """See the base class."""
        self._header: str = config["header"]
        self._converter = context.header_converter
        self._value = literal(config["value.literal"])

    def apply(self, batch: Batch) -> Transformed:
        """See the base class."""
        encoded = self._converter.encode(batch.topic, self._value, pa.field(self._header, self._value.type))
        if encoded.faults:
            message = f"Header {self._header}: {encoded.faults[0].message}"
            return without(batch, faults_of(range(len(batch)), message, encoded.faults[0].exception))
        values = encoded.data.take(pa.array(np.zeros(len(batch), dtype=np.int64)))
        return whole(with_headers(batch, [(self._header, values)]))
