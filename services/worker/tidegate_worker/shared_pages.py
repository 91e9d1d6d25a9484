"""Imported by the fork server: what its processes will need, so that they share the pages of it.

What all of them need is imported at once. A plugin is when the first process of it is about to be forked, for each
brings libraries of its own, tens of megabytes that a worker should not hold for connectors it does not run.

A garbage collection writes into every object it looks at, and so copies the page of each for the process that collects.
What has been frozen before the fork is not looked at: a collection in a task process costs it megabytes less.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pyarrow as pa

from tidegate.sdk.plugins import Plugins
from tidegate_worker.fork_server import WANTED_PLUGINS

_MODULES = (
    "numpy.ma",
    "pyarrow.compute",
    "pyarrow.json",
    "pyarrow.parquet",
    "confluent_kafka.admin",
    "fastavro",
    "tidegate.converters.avro",
    "tidegate.converters.json",
    "tidegate.converters.simple_header",
    "tidegate.converters.string",
    "tidegate_worker.task.process",
    "tidegate_worker.plugin_calls",
)


class _NoPandas(MetaPathFinder):
    """Hides pandas, which pyarrow imports for its first value where it is installed: 40 MiB and nearly a CPU second.

    Only ``to_pandas`` needs it, and looks for it again, so that a connector which uses it finds it.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


@contextlib.contextmanager
def _without_pandas() -> Iterator[None]:
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _WantedPlugins:
    """Imports the plugins that the worker has asked for, before a fork."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._seen = 0

    def import_new(self) -> None:
        """Imports those that have been added; what does not import fails in the process that needs it."""
        # An exception would not keep it from forking, only be printed.
        with contextlib.suppress(OSError):
            names = self._path.read_text().splitlines()
            new, self._seen = names[self._seen :], len(names)
            for name in new:
                Plugins.installed().load(name)
            if new:
                _freeze()

    def forget(self) -> None:
        """In a forked process: what it forks in turn has what it has."""
        self._path = Path(os.devnull)


def _freeze() -> None:
    gc.collect()
    gc.freeze()


with _without_pandas():
    for _module in _MODULES:
        importlib.import_module(_module)
    # pyarrow looks for pandas once, and remembers that there is none.
    pa.scalar(None)
_wanted = _WantedPlugins(os.environ.get(WANTED_PLUGINS, os.devnull))
os.register_at_fork(before=_wanted.import_new, after_in_child=_wanted.forget)
_freeze()
