"""Plugin discovery: connectors by entry point, alias or ``module:Class`` path."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeAlias

from tidegate.errors import ConfigError, ConfigProblem
from tidegate.sdk.sink import SinkConnector
from tidegate.sdk.source import SourceConnector

CONNECTORS = "tidegate.connectors"
"""Entry-point group: ``name = "module:Class"``."""

_KEY = "connector.class"

ConnectorClass: TypeAlias = type[SourceConnector] | type[SinkConnector]


@dataclass(frozen=True, slots=True)
class Plugin:
    """A connector that can be used on this machine.

    Args:
        name: the plugin name, as in ``connector.class``.
        type: ``source`` or ``sink``.
        connector: its class.
    """

    name: str
    type: Literal["source", "sink"]
    connector: ConnectorClass

    @property
    def class_name(self) -> str:
        """Path of the class, ``module:Class``."""
        return f"{self.connector.__module__}:{self.connector.__qualname__}"

    @property
    def version(self) -> str:
        """Version of the connector."""
        return self.connector.version

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names ``connector.class`` may use."""
        return self.connector.aliases

    @property
    def doc(self) -> str:
        """One paragraph about it."""
        return self.connector.doc


class Plugins:
    """The connectors that could be loaded, and why the others could not.

    Args:
        plugins: the usable ones.
        broken: entry-point name to the reason it did not load.
    """

    def __init__(self, plugins: Iterable[Plugin], broken: Mapping[str, str] | None = None) -> None:
        self._by_name = {plugin.name: plugin for plugin in sorted(plugins, key=lambda plugin: plugin.name)}
        self.broken: Mapping[str, str] = dict(broken or {})
        self._by_alias: dict[str, Plugin] = {}
        for plugin in self._by_name.values():
            for alias in (*plugin.aliases, plugin.class_name, plugin.class_name.replace(":", ".")):
                self._by_alias.setdefault(alias, plugin)

    @classmethod
    def discover(cls, points: Iterable[EntryPoint] | None = None) -> Plugins:
        """Loads every connector installed here; one that fails to load is reported in :attr:`broken`.

        Args:
            points: entry points to load instead of those installed in group :data:`CONNECTORS`.
        """
        plugins: list[Plugin] = []
        broken: dict[str, str] = {}
        for point in entry_points(group=CONNECTORS) if points is None else points:
            try:
                plugins.append(_plugin(point.name, point.load()))
            except Exception as error:  # a foreign package may fail in any way at import
                broken[point.name] = f"{point.value} does not load: {type(error).__name__}: {error}"
        return cls(plugins, broken)

    @classmethod
    @functools.cache
    def installed(cls) -> Plugins:
        """What :meth:`discover` finds, looked for once in a process and those forked from it."""
        return cls.discover()

    def all(self) -> list[Plugin]:
        """Every usable connector, by name."""
        return list(self._by_name.values())

    def find(self, connector_class: str) -> Plugin:
        """The connector that ``connector.class`` names: a plugin name, an alias or a ``module:Class`` path.

        Raises:
            ConfigError: on ``connector.class``, listing the known names, with the closest one.
        """
        wanted = connector_class.strip()
        found = self._by_name.get(wanted) or self._by_alias.get(wanted)
        if found is not None:
            return found
        if wanted in self.broken:
            raise _problem(f"{wanted!r} is installed but unusable: {self.broken[wanted]}")
        if ":" in wanted:
            return _by_path(wanted)
        raise _problem(self._unknown(wanted))

    def _unknown(self, wanted: str) -> str:
        if not wanted:
            return f"missing; use one of {', '.join(self._by_name)}"
        candidates = {name.lower(): name for name in (*self._by_name, *self._by_alias)}
        close = difflib.get_close_matches(wanted.lower(), list(candidates), n=1, cutoff=0.5)
        guess = f" Did you mean {candidates[close[0]]!r}?" if close else ""
        return (
            f"{wanted!r} is not installed here: use one of {', '.join(self._by_name)}, "
            f"or the path of a class as module:Class.{guess}"
        )


def _by_path(path: str) -> Plugin:
    module, _, name = path.partition(":")
    try:
        loaded = importlib.import_module(module)
    except Exception as error:  # a foreign module may fail in any way at import
        raise _problem(f"{path!r} does not load: {type(error).__name__}: {error}") from error
    connector = getattr(loaded, name, None)
    if connector is None:
        raise _problem(f"{path!r} does not load: module {module} has no {name!r}")
    try:
        return _plugin(path, connector)
    except TypeError as error:
        raise _problem(f"{path!r} is not a connector: {error}") from error


def _plugin(name: str, connector: Any) -> Plugin:
    if not inspect.isclass(connector) or not issubclass(connector, (SourceConnector, SinkConnector)):
        raise TypeError(f"{connector!r} derives neither from SourceConnector nor from SinkConnector")
    missing = [attribute for attribute in ("name", "config_def", "task_class") if not hasattr(connector, attribute)]
    if missing:
        raise TypeError(f"class {connector.__qualname__} lacks {', '.join(missing)}")
    return Plugin(name, "source" if issubclass(connector, SourceConnector) else "sink", connector)


def _problem(message: str) -> ConfigError:
    return ConfigError([ConfigProblem(_KEY, message)])
