"""The config providers of a worker: which there are, and looking references up in them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import TracebackType
from typing import Self

from tidegate.config.providers.provider import ConfigProvider, UnresolvedError

CONFIG_PROVIDERS = "tidegate.config_providers"
"""Entry-point group: ``name = "module:Class"``."""
ALIASES = {
    "org.apache.kafka.common.config.provider.DirectoryConfigProvider": "directory",
    "org.apache.kafka.common.config.provider.EnvVarConfigProvider": "env",
    "org.apache.kafka.common.config.provider.FileConfigProvider": "file",
}
"""Java classes and the providers that stand in for them."""


class ConfigProviders:
    """Providers by the name that references use, each made when it is first referred to.

    An installed provider is known by its own name; ``<name>.class`` gives it, or another, a further name.

    Args:
        config: the worker's ``config.providers.*`` keys, without that prefix: ``<name>.class`` and
            ``<name>.param.<key>``.
    """

    def __init__(self, config: Mapping[str, str] | None = None) -> None:
        self._config = dict(config or {})
        self._made: dict[str, ConfigProvider] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for provider in self._made.values():
            provider.close()
        self._made.clear()

    def find(self, name: str) -> ConfigProvider:
        """The provider of a name.

        Raises:
            UnresolvedError: there is none, or it does not load.
        """
        if name not in self._made:
            provider = self._load(name)()
            prefix = f"{name}.param."
            provider.configure(
                {key.removeprefix(prefix): text for key, text in self._config.items() if key.startswith(prefix)}
            )
            self._made[name] = provider
        return self._made[name]

    def _load(self, name: str) -> type[ConfigProvider]:
        wanted = self._config.get(f"{name}.class", name).strip()
        wanted = ALIASES.get(wanted, wanted)
        points = {point.name: point for point in entry_points(group=CONFIG_PROVIDERS)}
        try:
            if wanted in points:
                loaded = points[wanted].load()
            elif ":" in wanted:
                module, _, attribute = wanted.partition(":")
                loaded = getattr(importlib.import_module(module), attribute)
            else:
                raise UnresolvedError(
                    f"is no known provider. Use one of {', '.join(sorted(points))}, such as ${{env:NAME}} or "
                    f"${{file:/path:key}}, or name its class in config_providers of every worker as {name}.class."
                )
        except (ImportError, AttributeError) as error:
            raise UnresolvedError(f"does not load: {error}.") from None
        if not inspect.isclass(loaded) or not issubclass(loaded, ConfigProvider):
            raise UnresolvedError(f"{wanted!r} is no provider: it must derive from ConfigProvider.")
        return loaded
