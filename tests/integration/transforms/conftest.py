"""Kafka Connect's own transforms, in one JVM for the whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.transforms.connect_transforms import ConnectTransforms
from tests.support.not_tested import skip_untested
from tidegate.devstack import ComponentMissingError


@pytest.fixture(scope="session")
def connect(pytestconfig: pytest.Config) -> Iterator[ConnectTransforms]:
    """Kafka Connect's transforms; without Java or Maven the test is skipped, loudly, or fails where CI=true."""
    try:
        running = ConnectTransforms()
    except ComponentMissingError as error:
        skip_untested(pytestconfig, "TRANSFORMS NOT CHECKED AGAINST KAFKA CONNECT", error)
    with running:
        yield running
