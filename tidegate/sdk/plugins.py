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
    """The connectors installed here, each imported when it is first asked for.

    Args:
        points: their entry points.
    """

    def __init__(self, points: Iterable[EntryPoint]) -> None:
        self._points = {point.name: point for point in sorted(points, key=lambda point: point.name)}
        self._by_name: dict[str, Plugin] = {}
        self._by_alias: dict[str, Plugin] = {}
        self._broken: dict[str, str] = {}

    @classmethod
    @functools.cache
    def installed(cls) -> Plugins:
        """Those of group :data:`CONNECTORS`, looked for once in a process and those forked from it."""
        return cls(entry_points(group=CONNECTORS))

    @property
    def broken(self) -> Mapping[str, str]:
        """Entry-point name to the reason it does not load; imports every connector."""
        self.all()
        return self._broken

    def all(self) -> list[Plugin]:
        """Every usable connector, by name; imports every connector."""
        found = [self.load(name) for name in self._points]
        return [plugin for plugin in found if plugin is not None]

    def load(self, name: str) -> Plugin | None:
        """The connector of an entry point's name, imported if it was not yet; None for none, or one that is broken."""
        if name in self._by_name or name in self._broken or name not in self._points:
            return self._by_name.get(name)
        point = self._points[name]
        try:
            plugin = _plugin(name, point.load())
        except Exception as error:  # a foreign package may fail in any way at import
            self._broken[name] = f"{point.value} does not load: {type(error).__name__}: {error}"
            return None
        self._by_name[name] = plugin
        for alias in (*plugin.aliases, plugin.class_name, plugin.class_name.replace(":", ".")):
            self._by_alias.setdefault(alias, plugin)
        return plugin

    def find(self, connector_class: str) -> Plugin:
        """The connector that ``connector.class`` names: a plugin name, an alias or a ``module:Class`` path.

        A name or a path has only that connector imported; an alias of one that was not yet, all of them.

        Raises:
            ConfigError: on ``connector.class``, listing the known names, with the closest one.
        """
        wanted = connector_class.strip()
        found = self.load(wanted) or self._by_alias.get(wanted)
        if found is not None:
            return found
        if wanted in self._broken:
            raise _problem(f"{wanted!r} is installed but unusable: {self._broken[wanted]}")
        if ":" in wanted:
            return self._own(_by_path(wanted))
        self.all()
        found = self._by_alias.get(wanted)
        if found is None:
            raise _problem(self._unknown(wanted))
        return found

    def _own(self, plugin: Plugin) -> Plugin:
        """The installed connector of the same class, if there is one."""
        installed = self.load(plugin.connector.name)
        return installed if installed is not None and installed.connector is plugin.connector else plugin

    def _unknown(self, wanted: str) -> str:
        names = [plugin.name for plugin in self.all()]
        if not wanted:
            return f"missing; use one of {', '.join(names)}"
        candidates = {name.lower(): name for name in (*names, *self._by_alias)}
        close = difflib.get_close_matches(wanted.lower(), list(candidates), n=1, cutoff=0.5)
        guess = f" Did you mean {candidates[close[0]]!r}?" if close else ""
        return (
            f"{wanted!r} is not installed here: use one of {', '.join(names)}, "
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
