"""The error of schemas that can not be used."""

from __future__ import annotations

from tidegate.errors import FatalError


class UnusableSchemaError(FatalError):
    """A schema is not valid in its language, or no Arrow type stands for it, or it for no Arrow type."""
