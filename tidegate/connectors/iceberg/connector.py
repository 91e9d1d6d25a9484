"""The Iceberg sink connector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from tidegate.connectors.iceberg.catalog import iceberg_errors, open_catalog
from tidegate.connectors.iceberg.keys import CONFIG
from tidegate.connectors.iceberg.partition_by import parse_partition_by
from tidegate.connectors.iceberg.table_names import option_problems, table_options
from tidegate.connectors.iceberg.task import IcebergSinkTask
from tidegate.errors import ConfigProblem, TidegateError
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.sdk.sink import SinkConnector, SinkTask


class IcebergSinkConnector(SinkConnector):
    """Topics to Iceberg tables, exactly once."""

    name = "iceberg-sink"
    doc = (
        "Writes topics to Iceberg tables through a REST or SQL catalog: appended, or replaced and deleted by key. "
        "Tables are created and follow their records; all tasks together make one snapshot an interval."
    )
    aliases = (
        "org.apache.iceberg.connect.IcebergSinkConnector",
        "io.tabular.iceberg.connect.IcebergSinkConnector",
        "IcebergSinkConnector",
        "iceberg",
    )
    config_def: ClassVar[ConfigDef] = CONFIG
    task_class: ClassVar[type[SinkTask]] = IcebergSinkTask

    def validate(self, config: Config) -> Sequence[ConfigProblem]:
        return list(_combinations(config)) or list(_catalog_problems(config))


def _combinations(config: Config) -> Iterator[ConfigProblem]:
    dynamic, route = config["iceberg.tables.dynamic-enabled"], config["iceberg.tables.route-field"]
    tables: list[str] = config["iceberg.tables"]
    if dynamic and not route:
        yield ConfigProblem("iceberg.tables.route-field", "missing; dynamic-enabled needs it: name a field")
    if not dynamic and not tables:
        yield ConfigProblem("iceberg.tables", "missing: name a table as namespace.table, or set dynamic-enabled")
    for table in tables:
        if "." not in table or not all(table.split(".")):
            yield ConfigProblem("iceberg.tables", f"{table!r} is no namespace and table: write such as db.orders")
    options = table_options(config)
    if route and not dynamic and not any("route-regex" in options.get(table, {}) for table in tables):
        yield ConfigProblem(
            "iceberg.tables.route-field",
            "no table has iceberg.table.<table>.route-regex: add it to those that take records",
        )
    for key, problem in option_problems(config):
        yield ConfigProblem(key, problem)
    texts = {"iceberg.tables.default-partition-by": config["iceberg.tables.default-partition-by"] or ""}
    texts |= {f"iceberg.table.{table}.partition-by": each.get("partition-by", "") for table, each in options.items()}
    for key, text in texts.items():
        try:
            parse_partition_by(text)
        except ValueError as error:
            yield ConfigProblem(key, str(error))
    if not config["iceberg.catalog.uri"]:
        yield ConfigProblem("iceberg.catalog.uri", "missing: give the address of the catalog")


def _catalog_problems(config: Config) -> Iterator[ConfigProblem]:
    try:
        catalog = open_catalog(config)
        with iceberg_errors(f"reach the catalog {config['iceberg.catalog.uri']}"):
            catalog.list_namespaces()
    except TidegateError as error:
        yield ConfigProblem("iceberg.catalog.uri", str(error))
