"""How the demo fails."""

from __future__ import annotations

from tidegate.errors import FatalError


class DemoFailedError(FatalError):
    """Something promised did not happen, or the figures differ."""
