"""RegexRouter: a topic's name is rewritten by a regular expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from tidegate.errors import ConfigProblem
from tidegate.java.regex import expand, java_pattern
from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type
from tidegate.transforms.regex_problem import regex_problem
from tidegate.transforms.transform import Transform, TransformContext
from tidegate.transforms.transformed import Transformed, by_topic, whole


class RegexRouter(Transform):
    """Renames the topic where the whole name matches."""

    name: ClassVar[str] = "RegexRouter"
    doc: ClassVar[str] = (
        "Sends records to another topic: where the pattern matches the whole name of the topic, the replacement is "
        "its new name. The pattern and the replacement are Java's, with groups as $1."
    )
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.RegexRouter",)
    config_def: ClassVar[ConfigDef] = (
        ConfigDef()
        .define(
            "regex",
            Type.STRING,
            REQUIRED,
            Importance.HIGH,
            "Regular expression that the topic has to match.",
            validator=regex_problem,
        )
        .define("replacement", Type.STRING, REQUIRED, Importance.HIGH, "The new name, with groups as $1.")
    )

    @classmethod
    def problems(cls, config: Config) -> Sequence[ConfigProblem]:
        """See the base class."""
        # A pattern that matches even nothing, with the groups of the configured one, to try the replacement on.
        trial = java_pattern(f"{config['regex']}|").match("")
        try:
            if trial is not None:
                expand(config["replacement"], trial)
        except ValueError as error:
            return [ConfigProblem("replacement", str(error))]
        return ()

    def configure(self, config: Config, context: TransformContext) -> None:
        """See the base class."""
        self._regex = java_pattern(config["regex"])
        self._replacement: str = config["replacement"]

    def apply(self, batch: Batch) -> Transformed:
        """See the base class."""
        if not self._regex.fullmatch(batch.topic):
            return whole(batch)
        topic = self._regex.sub(lambda match: expand(self._replacement, match), batch.topic, count=1)
        return by_topic(batch, {topic: np.arange(len(batch), dtype=np.int64)})
