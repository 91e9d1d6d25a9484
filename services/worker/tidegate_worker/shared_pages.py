"""Imported by the fork server: everything its processes will need, so that they share the pages of it.

A garbage collection writes into every object it looks at, and so copies the page of each for the process that collects.
What has been frozen before the fork is not looked at: a collection in a task process costs it megabytes less.
"""

from __future__ import annotations

import gc
import importlib

from tidegate.sdk.plugins import Plugins

_MODULES = (
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

for _module in _MODULES:
    importlib.import_module(_module)
Plugins.installed()
gc.collect()
gc.freeze()
