"""A live worker: the value of ``workers/<id>``, on the worker's lease."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.control.connector_state import ConnectorType
from tidegate.control.stored_value import StoredValue


@dataclass(frozen=True)
class PluginInfo:
    """A connector plugin a worker can run.

    Args:
        class_name: the name used in ``connector.class``.
        type: source or sink.
        version: the plugin's version.
        aliases: other names ``connector.class`` may use for it.
        doc: its documentation in one paragraph.
    """

    class_name: str
    type: ConnectorType
    version: str
    aliases: list[str] = field(default_factory=list)
    doc: str = ""

    def answers_to(self, connector_class: str) -> bool:
        """Whether ``connector.class`` means this plugin, by its name or an alias."""
        return connector_class == self.class_name or connector_class in self.aliases


@dataclass(frozen=True)
class WorkerInfo(StoredValue):
    """What others need to know of a worker.

    Args:
        address: ``host:port`` of its gRPC API.
        slots: how many tasks it takes, relative to the other workers.
        version: Tidegate's version it runs.
        plugins: what it can run.
        draining: it gets no new tasks and its own move away.
    """

    address: str
    slots: int
    version: str
    plugins: list[PluginInfo]
    draining: bool = False
