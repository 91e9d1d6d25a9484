"""SetSchemaMetadata: another name or version for the schema of the key or value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa

from tidegate.errors import ConfigProblem
from tidegate.records.envelope import SCHEMA_NAME, SCHEMA_VERSION, Batch
from tidegate.sdk.config_def import Config, ConfigDef, Importance, Type
from tidegate.transforms.side import is_schemaless
from tidegate.transforms.sided_transform import Changed, SidedTransform, present, replace_null_with_default
from tidegate.transforms.transformed import faults_of


class SetSchemaMetadata(SidedTransform):
    """Names the schema anew."""

    name: ClassVar[str] = "SetSchemaMetadata"
    doc: ClassVar[str] = "Sets the name of the record type, its version, or both."
    aliases: ClassVar[tuple[str, ...]] = ("org.apache.kafka.connect.transforms.SetSchemaMetadata",)
    config_def: ClassVar[ConfigDef] = replace_null_with_default(
        ConfigDef()
        .define("schema.name", Type.STRING, None, Importance.HIGH, "Full name of the record type.")
        .define("schema.version", Type.INT, None, Importance.HIGH, "Version of the record type.")
    )

    @classmethod
    def problems(cls, config: Config) -> Sequence[ConfigProblem]:
        """See the base class."""
        if config["schema.name"] is None and config["schema.version"] is None:
            return [ConfigProblem("schema.name", "missing: give schema.name, schema.version or both")]
        return ()

    def read(self, config: Config) -> None:
        """See the base class."""
        self._metadata: dict[bytes, bytes] = {}
        if config["schema.name"] is not None:
            self._metadata[SCHEMA_NAME] = config["schema.name"].encode()
        if config["schema.version"] is not None:
            self._metadata[SCHEMA_VERSION] = str(config["schema.version"]).encode()

    def change(self, values: pa.Array, described: pa.Field, batch: Batch) -> Changed:
        """See the base class."""
        if is_schemaless(described):
            message = "Schema required for [updating schema metadata]."
            return Changed(values, described, faults_of(present(values), message))
        return Changed(values, described.with_metadata({**(described.metadata or {}), **self._metadata}))
