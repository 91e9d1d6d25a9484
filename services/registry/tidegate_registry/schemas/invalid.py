"""What the parsers raise."""

from __future__ import annotations


class SchemaSyntaxError(ValueError):
    """The text is no schema of its language; the message is a sentence that names the place and the rule."""
