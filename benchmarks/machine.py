"""The machine and the programs that were compared."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.systems.maven import DEBEZIUM, ICEBERG, KAFKA
from tidegate import native
from tidegate.devstack.errors import ComponentMissingError
from tidegate.devstack.java import find_java


def machine() -> dict[str, str]:
    """What a reader has to know to compare figures."""
    packages = ("confluent-kafka", "pyarrow", "fastavro")
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "Java": _java(),
        "native extension": "yes" if native.extension else f"no: {native.missing_because}",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "Kafka and Connect": KAFKA,
        "Debezium": DEBEZIUM,
        "Iceberg": ICEBERG,
        **{name: version(name) for name in packages},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _java() -> str:
    try:
        java = find_java("Kafka Connect")
    except ComponentMissingError:
        return "none"
    said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30)
    return said.stderr.partition('"')[2].partition('"')[0]
