"""What is wrong with the keys that all change data capture connectors have."""

from __future__ import annotations

from tidegate.connectors.cdc.debezium_keys import DebeziumKeys
from tidegate.connectors.cdc.filters import filter_problems
from tidegate.connectors.cdc.keys import event_problems
from tidegate.connectors.cdc.masking import mask_problems
from tidegate.errors import ConfigProblem
from tidegate.sdk.config_def import Config


def capture_problems(keys: DebeziumKeys, config: Config) -> list[ConfigProblem]:
    """What is wrong with a configuration by itself.

    Args:
        keys: what becomes of Debezium's keys.
        config: the connector's.
    """
    return [
        *keys.problems(config.originals),
        *filter_problems(config),
        *event_problems(config),
        *mask_problems(config.originals),
    ]
