"""What can go wrong in a benchmark."""

from __future__ import annotations


class BenchmarkError(Exception):
    """A run did not do what it measures; its figures would mean nothing."""
