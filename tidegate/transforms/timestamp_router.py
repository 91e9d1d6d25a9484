"""TimestampRouter: the topic's name tells the record's time."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from tidegate.java.date_format import DateFormat
from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import Config, ConfigDef, Importance, Type
from tidegate.transforms.timestamp_converter import format_problem
from tidegate.transforms.transform import Transform, TransformContext
from tidegate.transforms.transformed import Rows, Transformed, by_topic, faults_of


class TimestampRouter(Transform):
    """Makes the topic's name of the old one and the timestamp."""

    name: ClassVar[str] = "TimestampRouter"
    doc: ClassVar[str] = "Sends records to a topic named after the topic and the record's timestamp, in UTC."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.TimestampRouter",)
    config_def: ClassVar[ConfigDef] = (
        ConfigDef()
        .define(
            "topic.format",
            Type.STRING,
            "${topic}-${timestamp}",
            Importance.HIGH,
            "The new name, with ${topic} and ${timestamp} in it.",
        )
        .define(
            "timestamp.format",
            Type.STRING,
            "yyyyMMdd",
            Importance.HIGH,
            "Pattern of Java's SimpleDateFormat for the timestamp.",
            validator=format_problem,
        )
    )

    def configure(self, config: Config, context: TransformContext) -> None:
        """See the base class."""
        self._topic: str = config["topic.format"]
        self._format = DateFormat(config["timestamp.format"])

    def apply(self, batch: Batch) -> Transformed:
        """See the base class."""
        stamps = batch.records.column("timestamp")
        texts = self._format.format(stamps.cast(pa.int64())).dictionary_encode()
        topics: dict[str, Rows] = {}
        codes = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        for code, text in enumerate(texts.dictionary.to_pylist()):
            topic = self._topic.replace("${topic}", batch.topic).replace("${timestamp}", text)
            topics[topic] = np.flatnonzero(codes == code).astype(np.int64)
        missing = np.flatnonzero(codes < 0)
        return by_topic(batch, topics, faults_of(missing, "The record has no timestamp, which its topic needs."))
