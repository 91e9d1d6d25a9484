"""``${env:NAME}``: environment variables of the worker."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping

from tidegate.config.providers.provider import ConfigProvider, UnresolvedError


class EnvironmentConfigProvider(ConfigProvider):
    """Kafka's EnvVarConfigProvider (KIP-887). ``allowlist.pattern``: only variables whose whole name it matches."""

    def __init__(self) -> None:
        self._allowed: re.Pattern[str] | None = None

    def configure(self, config: Mapping[str, str]) -> None:
        """See the base class."""
        pattern = config.get("allowlist.pattern")
        if pattern:
            try:
                self._allowed = re.compile(pattern)
            except re.error as error:
                raise UnresolvedError(f"allowlist.pattern {pattern!r} is no regular expression: {error}.") from None

    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str]:
        """See the base class."""
        if path:
            raise UnresolvedError(f"environment variables have no path, and {path!r} is given. Write ${{env:NAME}}.")
        allowed = [key for key in keys if self._allowed is None or self._allowed.fullmatch(key)]
        return {key: os.environ[key] for key in allowed if key in os.environ}

    def missing(self, path: str, key: str) -> str:
        """See the base class."""
        if self._allowed is not None and not self._allowed.fullmatch(key):
            return f"does not give the variable {key}: allowlist.pattern of the worker does not match it."
        return f"the environment variable {key} is not set where the task runs. Set it for every worker."
