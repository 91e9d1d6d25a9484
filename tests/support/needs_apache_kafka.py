"""What becomes of a test of Apache Kafka on a machine without Java or Maven."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tidegate.devstack import ComponentMissingError

WITHOUT_KAFKA = pytest.StashKey[str]()
"""Why Apache Kafka could not be started, for the summary."""


def start_or_skip(start: Callable[[], object], config: pytest.Config) -> None:
    """Call ``start``; where Java or Maven is missing the test is skipped, loudly, or fails where CI=true."""
    try:
        start()
    except ComponentMissingError as error:
        if os.environ.get("CI", "").lower() == "true":
            raise
        config.stash[WITHOUT_KAFKA] = str(error)
        pytest.skip(str(error))
