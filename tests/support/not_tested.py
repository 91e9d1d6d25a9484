"""What a run could not test because the machine lacks something: said loudly, and an error under CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from tidegate.devstack import ComponentMissingError

NOT_TESTED = pytest.StashKey[dict[str, str]]()


def skip_untested(config: pytest.Config, what: str, error: ComponentMissingError) -> NoReturn:
    """Skips the test and has the summary say so; raises the error where ``CI=true``.

    Args:
        config: of the run.
        what: what is not tested, as a heading.
        error: what is missing.
    """
    if os.environ.get("CI", "").lower() == "true":
        raise error
    config.stash.setdefault(NOT_TESTED, {})[what] = str(error)
    pytest.skip(str(error))
