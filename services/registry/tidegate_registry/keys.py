"""The registry's keys in etcd."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from tidegate.errors import ConfigError
from tidegate.etcd.keyspace import quote_segment
from tidegate_registry.errors import ErrorCode, RegistryError

GLOBAL: Final = ""
"""Stands for "all subjects" where a subject is asked for."""


class RegistryKeys:
    """Builds and parses the keys under ``/tidegate/registry/<cluster>/``.

    Args:
        cluster: name of the cluster; several may share one etcd.
    """

    def __init__(self, cluster: str) -> None:
        self.root = f"/tidegate/registry/{quote_segment(cluster)}/"
        self.head = f"{self.root}head"
        self.global_level = f"{self.root}config"
        self.schemas = f"{self.root}schemas/"
        self.subjects = f"{self.root}subjects/"
        self.levels = f"{self.root}config/"

    def schema(self, schema_id: int) -> str:
        """A schema's content."""
        return f"{self.schemas}{schema_id}"

    def subject(self, subject: str) -> str:
        """A subject's versions.

        Raises:
            RegistryError: no subject can have this name.
        """
        return self.subjects + _segment(subject)

    def level(self, subject: str) -> str:
        """The compatibility level of a subject, or of all for :data:`GLOBAL`.

        Raises:
            RegistryError: no subject can have this name.
        """
        return self.levels + _segment(subject) if subject != GLOBAL else self.global_level

    def parse(self, key: str) -> tuple[str, str]:
        """A key's kind (``head``, ``config``, ``schemas``, ``subjects``) and the name after it, "" if there is none."""
        kind, _, name = key.removeprefix(self.root).partition("/")
        return kind, unquote(name)


def _segment(subject: str) -> str:
    try:
        return quote_segment(subject)
    except ConfigError:
        message = f"Subject {subject!r} is empty or holds control characters. Use printable characters."
        raise RegistryError(ErrorCode.INVALID_SUBJECT, message) from None
