"""Imported by the fork server: everything its processes will need, so that they share the pages of it.

A garbage collection writes into every object it looks at, and so copies the page of each for the process that collects.
What has been frozen before the fork is not looked at: a collection in a task process costs it megabytes less.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa

from tidegate.sdk.plugins import Plugins

_MODULES = (
    "numpy.ma",
    "pyarrow.compute",
    "pyarrow.json",
    "pyarrow.parquet",
    "confluent_kafka.admin",
    "fastavro",
    "boto3",
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


with _without_pandas():
    for _module in _MODULES:
        importlib.import_module(_module)
    Plugins.installed()
    # pyarrow looks for pandas once, and remembers that there is none.
    pa.scalar(None)
gc.collect()
gc.freeze()
