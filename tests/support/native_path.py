"""Where the extension can be built, tests of faults must run with it: it is what users run."""

from __future__ import annotations

import os
import shutil

import pytest

from tidegate import native
from tidegate.devstack.cluster import LocalCluster


def require_native_path() -> None:
    """Fails if cargo is there and the extension is not, unless ``TIDEGATE_NATIVE`` leaves it out on purpose."""
    if shutil.which("cargo") and native.ENVIRONMENT not in os.environ and native.extension is None:
        pytest.fail(f"cargo is here, but the native extension is not: {native.missing_because}. Run make native.")


def require_native_workers(cluster: LocalCluster) -> None:
    """Fails if a worker of a cluster runs without the extension that this process has."""
    for name, service in cluster.services.items():
        log = service.process.log_path.read_text(errors="replace")
        if native.extension is not None and "native_extension_missing" in log:
            pytest.fail(f"{name} runs without the native extension: see {service.process.log_path}")
