"""What the user wants of a connector: the value of ``connectors/<name>``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tidegate.control.stored_value import StoredValue

ConnectorType = Literal["source", "sink"]
TargetState = Literal["STARTED", "PAUSED", "STOPPED"]


@dataclass(frozen=True)
class ConnectorState(StoredValue):
    """A connector as deployed. Written by any coordinator replica, comparing the revision it read.

    Args:
        config: keys and values as given; literal secrets sealed (:mod:`tidegate.config.secrets`).
        target_state: what it shall do.
        generation: 1 for a new name, grows with every change of ``config``, also across deletion and re-creation.
        password_keys: names of the keys whose values are secret.
        type: whether it is a source or a sink.
        restart: grows when the user restarts the connector: it is split into tasks again.
    """

    config: dict[str, str]
    target_state: TargetState
    generation: int
    password_keys: list[str]
    type: ConnectorType
    restart: int = 0
