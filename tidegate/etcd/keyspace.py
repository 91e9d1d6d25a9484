"""The keys of one Tidegate cluster in etcd."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

from tidegate.errors import ConfigError, ConfigProblem
from tidegate.etcd.errors import MalformedKeyError

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TASK_NUMBER: Final = re.compile(r"0|[1-9][0-9]*")


def quote_segment(name: str) -> str:
    """One path segment that stands for ``name``: all but letters, digits and ``_.-~`` percent-encoded (RFC 3986).

    Raises:
        ConfigError: the name is empty, holds control characters, or is no valid Unicode text.
    """
    if not name or _CONTROL.search(name):
        raise ConfigError(
            [ConfigProblem("name", f"{name!r} is empty or holds control characters. Use printable characters.")]
        )
    try:
        return quote(name, safe="", errors="strict")
    except UnicodeEncodeError:
        raise ConfigError([ConfigProblem("name", f"{name!r} is not Unicode text. Use printable characters.")]) from None


class Keyspace:
    """Builds and parses the keys under ``/tidegate/<cluster>/``.

    Args:
        cluster: name of the cluster; several may share one etcd.

    Raises:
        ConfigError: by the constructor and each method that takes a name, for a name that :func:`quote_segment`
            refuses. MalformedKeyError: by each ``parse_`` method, for a key that is not of its kind.
    """

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.root = f"/tidegate/{quote_segment(cluster)}/"
        self.leader = f"{self.root}coordinator/leader"
        self.connectors = f"{self.root}connectors/"
        self.layouts = f"{self.root}layouts/"
        self.tasks = f"{self.root}tasks/"
        self.workers = f"{self.root}workers/"
        self.assignments = f"{self.root}assignments/"
        self.claims = f"{self.root}claims/"
        self.statuses = f"{self.root}status/"

    def connector(self, name: str) -> str:
        """Config and target state of a connector."""
        return self.connectors + quote_segment(name)

    def layout(self, connector: str) -> str:
        """How a connector was last divided into tasks."""
        return self.layouts + quote_segment(connector)

    def connector_status(self, connector: str) -> str:
        """Why a connector could not be divided into tasks."""
        return self.statuses + quote_segment(connector)

    def worker(self, worker_id: str) -> str:
        """Address, slots, plugins and version of a live worker."""
        return self.workers + quote_segment(worker_id)

    def task(self, connector: str, task: int) -> str:
        """Config and generation of a task."""
        return _numbered(self.tasks, connector, task)

    def assignment(self, connector: str, task: int) -> str:
        """The worker that shall run a task."""
        return _numbered(self.assignments, connector, task)

    def claim(self, connector: str, task: int) -> str:
        """The worker that runs a task; the key's create revision is the task's epoch."""
        return _numbered(self.claims, connector, task)

    def status(self, connector: str, task: int) -> str:
        """State of a task as last reported."""
        return _numbered(self.statuses, connector, task)

    def tasks_of(self, connector: str) -> str:
        """Prefix of a connector's tasks."""
        return f"{self.tasks}{quote_segment(connector)}/"

    def assignments_of(self, connector: str) -> str:
        """Prefix of a connector's assignments."""
        return f"{self.assignments}{quote_segment(connector)}/"

    def claims_of(self, connector: str) -> str:
        """Prefix of a connector's claims."""
        return f"{self.claims}{quote_segment(connector)}/"

    def statuses_of(self, connector: str) -> str:
        """Prefix of a connector's task states."""
        return f"{self.statuses}{quote_segment(connector)}/"

    def parse_connector_key(self, key: str) -> str:
        """The connector of a key made by :meth:`connector`."""
        return _parse_name(self.connectors, key)

    def parse_layout_key(self, key: str) -> str:
        """The connector of a key made by :meth:`layout`."""
        return _parse_name(self.layouts, key)

    def parse_connector_status_key(self, key: str) -> str:
        """The connector of a key made by :meth:`connector_status`."""
        return _parse_name(self.statuses, key)

    def parse_worker_key(self, key: str) -> str:
        """The worker id of a key made by :meth:`worker`."""
        return _parse_name(self.workers, key)

    def parse_task_key(self, key: str) -> tuple[str, int]:
        """Connector and task number of a key made by :meth:`task`."""
        return _parse_numbered(self.tasks, key)

    def parse_assignment_key(self, key: str) -> tuple[str, int]:
        """Connector and task number of a key made by :meth:`assignment`."""
        return _parse_numbered(self.assignments, key)

    def parse_claim_key(self, key: str) -> tuple[str, int]:
        """Connector and task number of a key made by :meth:`claim`."""
        return _parse_numbered(self.claims, key)

    def parse_status_key(self, key: str) -> tuple[str, int]:
        """Connector and task number of a key made by :meth:`status`."""
        return _parse_numbered(self.statuses, key)


def _numbered(prefix: str, connector: str, task: int) -> str:
    if task < 0:
        raise ValueError(f"task numbers begin at 0, not at {task}")
    return f"{prefix}{quote_segment(connector)}/{task}"


def _parse_name(prefix: str, key: str) -> str:
    segment = key.removeprefix(prefix)
    name = unquote(segment)
    if not key.startswith(prefix) or not segment or quote(name, safe="", errors="surrogateescape") != segment:
        raise MalformedKeyError(f"the etcd key {key!r} is not {prefix}<name>.", remedy="Delete it with etcdctl.")
    return name


def _parse_numbered(prefix: str, key: str) -> tuple[str, int]:
    head, slash, number = key.rpartition("/")
    if not slash or not _TASK_NUMBER.fullmatch(number):
        raise MalformedKeyError(
            f"the etcd key {key!r} is not {prefix}<connector>/<task number>.", remedy="Delete it with etcdctl."
        )
    return _parse_name(prefix, head), int(number)
