"""Which plugins the live workers have. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.control import PluginInfo, WorkerInfo
from tidegate.errors import ConfigError, ConfigProblem, RetriableError
from tidegate_coordinator.cluster_state import ClusterState

CONNECTOR_CLASS = "connector.class"


class NoWorkerError(RetriableError):
    """What was asked needs a plugin's code, and no worker is alive to run it."""

    def __init__(self, message: str = "", *, remedy: str = "") -> None:
        super().__init__(
            message or "no worker is alive, and only workers have the code of plugins.",
            remedy=remedy or "Start one with `tidegate worker`, or wait for one to come back.",
        )


class UnknownPluginError(ConfigError):
    """No live worker has the plugin."""


def is_class_path(plugin: str) -> bool:
    """Whether a plugin is named as ``module:Class``."""
    return ":" in plugin


def offers(worker: WorkerInfo, plugin: str) -> bool:
    """Whether a worker can run the plugin that ``connector.class`` calls ``plugin``.

    A class by its path need not be installed as a plugin: whether it can be imported there, only the worker can tell.
    """
    return is_class_path(plugin) or any(each.answers_to(plugin) for each in worker.plugins)


def plugins(state: ClusterState) -> list[PluginInfo]:
    """The plugins of all live workers by name; where they have several versions of one, the version sorted last."""
    found: dict[str, PluginInfo] = {}
    for stored in state.workers.values():
        for each in stored.value.plugins:
            if each.class_name not in found or found[each.class_name].version < each.version:
                found[each.class_name] = each
    return [found[name] for name in sorted(found)]


def find_plugin(state: ClusterState, name: str) -> PluginInfo | None:
    """The plugin of that name or alias; None when no live worker has it."""
    return next((each for each in plugins(state) if each.answers_to(name)), None)


def plugin_of(config: Mapping[str, str]) -> str:
    """What a configuration calls its plugin; empty when it does not."""
    return config.get(CONNECTOR_CLASS, "").strip()


def workers_for(state: ClusterState, plugin: str) -> list[str]:
    """Ids of the live workers that have a plugin, those that drain last.

    Args:
        state: the control plane.
        plugin: name or alias; empty is refused.

    Raises:
        NoWorkerError: no worker is alive.
        UnknownPluginError: none of them has the plugin, or it is not named; lists the known ones.
    """
    if not state.workers:
        raise NoWorkerError
    able = [name for name, stored in sorted(state.workers.items()) if plugin and offers(stored.value, plugin)]
    if not able:
        known = ", ".join(each.class_name for each in plugins(state)) or "none"
        problem = f"{plugin!r} is a plugin that no live worker has" if plugin else "is missing"
        raise UnknownPluginError(
            [ConfigProblem(CONNECTOR_CLASS, f"{problem}. Known plugins: {known}. Name one of them, or install it.")]
        )
    return sorted(able, key=lambda name: state.workers[name].value.draining)
