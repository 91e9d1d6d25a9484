"""What users run is what is tested."""

from __future__ import annotations

import pytest

from tests.support.native_path import require_native_path


@pytest.fixture(scope="session", autouse=True)
def _native_path() -> None:
    require_native_path()
