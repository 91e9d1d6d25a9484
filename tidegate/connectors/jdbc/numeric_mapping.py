"""What becomes of NUMERIC columns, as the configuration has it."""

from __future__ import annotations

from tidegate.connectors.jdbc.column_types import NumericMapping
from tidegate.sdk.config_def import Config


def numeric_mapping(config: Config) -> NumericMapping:
    """The mapping: ``numeric.mapping``, or where it is not given what its older form says.

    Args:
        config: the connector's configuration.
    """
    given: str | None = config["numeric.mapping"]
    if given:
        return given.lower()
    return "precision_only" if config["numeric.precision.mapping"] else "none"
