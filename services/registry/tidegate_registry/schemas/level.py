"""The seven compatibility levels."""

from __future__ import annotations

import enum


class CompatibilityLevel(enum.StrEnum):
    """How a new version of a subject must relate to the earlier ones, in Confluent's words."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"

    @property
    def new_reads_old(self) -> bool:
        """Whether the new schema must read data of the earlier ones."""
        return self.name.startswith(("BACKWARD", "FULL"))

    @property
    def old_reads_new(self) -> bool:
        """Whether the earlier schemas must read data of the new one."""
        return self.name.startswith(("FORWARD", "FULL"))

    @property
    def transitive(self) -> bool:
        """Whether all earlier versions count, not only the last."""
        return self.name.endswith("_TRANSITIVE")
