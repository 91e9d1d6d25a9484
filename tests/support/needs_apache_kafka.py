"""What becomes of a test of a server from Maven artifacts on a machine without Java or Maven."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.not_tested import skip_untested
from tidegate.devstack import ComponentMissingError


def start_or_skip(
    start: Callable[[], object], config: pytest.Config, *, what: str = "NOT TESTED ON APACHE KAFKA"
) -> None:
    """Call ``start``; where Java or Maven is missing the test is skipped, loudly, or fails where CI=true."""
    try:
        start()
    except ComponentMissingError as error:
        skip_untested(config, what, error)
