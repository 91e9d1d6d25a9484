"""What a config provider is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping


class UnresolvedError(ValueError):
    """A reference can not be resolved.

    Args:
        message: what is wrong and what to do, without any secret.
    """


class ConfigProvider(ABC):
    """Looks up what configurations refer to, on the worker, in the process that runs a connector's code.

    To be installed under the entry-point group ``tidegate.config_providers``. An instance serves one configuration and
    is used from one thread.
    """

    def configure(self, config: Mapping[str, str]) -> None:  # noqa: B027
        """Called once before use.

        Args:
            config: the worker's ``config.providers.<name>.param.*`` keys, without that prefix.

        Raises:
            UnresolvedError: a key is unusable.
        """

    @abstractmethod
    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str]:
        """The values of some keys; a key without a value is left out.

        Args:
            path: between the two colons of the reference; empty if it has none.
            keys: what is wanted of it.

        Raises:
            UnresolvedError: nothing of this path can be had, and trying again will not help.
            RetriableError: the system that holds the values is away.
        """

    def missing(self, path: str, key: str) -> str:
        """A sentence for a key that has no value: what is missing and the remedy."""
        return f"has no key {key!r} at {path!r}. Add it there, or correct the reference."

    def close(self) -> None:  # noqa: B027
        """Releases what it holds."""
