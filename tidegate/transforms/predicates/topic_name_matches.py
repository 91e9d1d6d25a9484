"""TopicNameMatches: records of topics whose name matches a pattern."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from tidegate.java.regex import java_pattern
from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type
from tidegate.transforms.predicate import Predicate
from tidegate.transforms.regex_problem import regex_problem


class TopicNameMatches(Predicate):
    """Holds where the whole name of the topic matches."""

    name: ClassVar[str] = "TopicNameMatches"
    doc: ClassVar[str] = "True for records of a topic whose whole name matches a Java regular expression."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.predicates.TopicNameMatches",)
    config_def: ClassVar[ConfigDef] = ConfigDef().define(
        "pattern",
        Type.STRING,
        REQUIRED,
        Importance.MEDIUM,
        "Regular expression of the topics, matching whole names.",
        validator=regex_problem,
    )

    def configure(self, config: Config) -> None:
        """See the base class."""
        self._pattern = java_pattern(config["pattern"])

    def test(self, batch: Batch) -> pa.BooleanArray:
        """See the base class."""
        matches = self._pattern.fullmatch(batch.topic) is not None
        return pa.array(np.full(len(batch), matches))
