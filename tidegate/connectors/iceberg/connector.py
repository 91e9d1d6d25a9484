"""The Iceberg sink connector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from tidegate.connectors.iceberg.keys import CONFIG
from tidegate.connectors.iceberg.partition_by import parse_partition_by
from tidegate.connectors.iceberg.table_names import option_problems, table_options
from tidegate.connectors.iceberg.task import IcebergSinkTask
from tidegate.errors import ConfigProblem, TidegateError
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.sdk.drift import EVOLVE, PROJECT, DriftKeys
from tidegate.sdk.sink import SinkConnector, SinkTask

_GUARANTEES = """\
Each record is in its tables exactly once, through kill -9 of workers at any point and under zombies:

1. Each task writes its rows to data files, which nobody sees. At multiples of `iceberg.control.commit.interval-ms` it
   finishes them, lists them in an Iceberg manifest, and sends the manifest's place to the control topic
   (`tidegate-iceberg-<connector>`) in the Kafka transaction of its offsets. A task that has been replaced is fenced
   there.
2. Task 0 reads the control topic and, a quarter of the interval later (10 s at most), commits what all tasks have told,
   one snapshot a table, with the position in the control topic in the snapshot's summary and in a table property.
3. Before each attempt the table is loaded and what it has already is left out; the commit holds only if the table is
   still where it was then. So of two committers, one of them a zombie, one wins, and the other sees that nothing is
   left to do.

No task waits for another: one that is idle, slow or dead delays its own rows only. When the catalog is away for less
than five minutes, tasks go on writing files, which wait in the store; nothing piles up in memory.

- The summary tells the source offsets (`tidegate.source-offsets`) and the position
  (`kafka.connect.offsets.<control topic>.<connector>`); both only grow. The position outlives the expiry of
  snapshots. A rollback of the table is not undone: rows rolled back are not written again.
- When a connector's offsets are set back, the records are written again: appended twice, by key the same.
- The control topic keeps 30 days. If a committer stands still for longer, the task fails and says what to do.
- Files of dead attempts stay in the store until `tidegate iceberg clean` deletes them. Do not let another tool delete
  unreferenced files that are younger than the longest time a connector may stand still.

By key (`iceberg.tables.upsert-mode-enabled`, `iceberg.tables.cdc-field`) the last record of a key wins, in the order of
its Kafka partition; keys have to be in one partition, as they are when the record key holds them. Files with rows that
are replaced or deleted are **copied without them** (copy on write): PyIceberg neither writes nor reads equality
deletes. Only files that hold such a key are copied, as their bounds and then their key columns tell; but changes spread
over the whole of a big table copy the whole of it every interval: choose the interval by that.

What a record may not do: lack a required column (a renamed field does), have a type its column can not be widened to,
be null where a value is required. Such records are halted one by one, or by schema, as `errors.tolerance` says. With
`iceberg.tables.evolve-schema-enabled` new fields become optional columns, int and float columns become long and double,
decimals get more digits, and columns become optional where records say they are. Nanoseconds are cut to Iceberg's
microseconds.

Unlike in Iceberg's own sink: a route field without a value halts the record when it has to name the table; `{topic}` in
`iceberg.tables`; format version 3, commit branches and Hadoop catalogs are not there.

## Example

A table of a database, captured with its changes, into `lake.orders` by key:

```yaml
name: orders-lake
connector.class: iceberg-sink
tasks.max: 4
topics: shop.public.orders
iceberg.catalog.type: rest
iceberg.catalog.uri: http://catalog:8181
iceberg.catalog.warehouse: s3://lake
iceberg.catalog.s3.endpoint: http://store:9000
iceberg.catalog.s3.access-key-id: ${env:STORE_KEY}
iceberg.catalog.s3.secret-access-key: ${env:STORE_SECRET}
iceberg.tables: lake.orders
iceberg.tables.auto-create-enabled: true
iceberg.tables.evolve-schema-enabled: true
iceberg.tables.upsert-mode-enabled: true
iceberg.table.lake.orders.id-columns: id
iceberg.table.lake.orders.partition-by: bucket(id, 16)
iceberg.tables.write-props.write.target-file-size-bytes: 134217728
iceberg.control.commit.interval-ms: 60000
errors.tolerance: all
errors.deadletterqueue.topic.name: orders-halted
```

```
tidegate connector apply orders-lake.yaml
tidegate iceberg compact lake.orders --config orders-lake.yaml   # small files together; the sink goes on
tidegate iceberg expire lake.orders --config orders-lake.yaml    # forget snapshots older than five days
tidegate iceberg clean lake.orders --config orders-lake.yaml     # delete what no snapshot names, older than three
```

SeaweedFS's catalog wants signed requests: `iceberg.catalog.rest.sigv4-enabled: true`,
`iceberg.catalog.rest.signing-name: s3tables`, `iceberg.catalog.rest.signing-region`, and the access key once more as
`iceberg.catalog.client.access-key-id`, `iceberg.catalog.client.secret-access-key`, `iceberg.catalog.client.region`.

Beside the keys below there are `iceberg.table.<table>.id-columns`, `.partition-by` and `.route-regex` for single
tables, `iceberg.tables.auto-create-props.*` for the properties of created tables, and `iceberg.tables.write-props.*`,
which stand over a table's properties while writing.
"""


class IcebergSinkConnector(SinkConnector):
    """Topics to Iceberg tables, exactly once."""

    name = "iceberg-sink"
    doc = (
        "Writes topics to Iceberg tables through a REST or SQL catalog: appended, or replaced and deleted by key. "
        "Tables are created and follow their records; all tasks together make one snapshot an interval."
    )
    guarantees: ClassVar[str] = _GUARANTEES
    aliases = (
        "org.apache.iceberg.connect.IcebergSinkConnector",
        "io.tabular.iceberg.connect.IcebergSinkConnector",
        "IcebergSinkConnector",
        "iceberg",
    )
    config_def: ClassVar[ConfigDef] = CONFIG
    task_class: ClassVar[type[SinkTask]] = IcebergSinkTask
    drift_keys: ClassVar[DriftKeys] = {
        EVOLVE: {"iceberg.tables.evolve-schema-enabled": "true"},
        PROJECT: {"iceberg.tables.evolve-schema-enabled": "false"},
    }

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
        from tidegate.connectors.iceberg.catalog import iceberg_errors, open_catalog
    except ImportError as error:
        yield ConfigProblem("connector.class", f"the worker lacks {error.name}: pip install 'tidegate[iceberg]'")
        return
    try:
        catalog = open_catalog(config)
        with iceberg_errors(f"reach the catalog {config['iceberg.catalog.uri']}"):
            catalog.list_namespaces()
    except TidegateError as error:
        yield ConfigProblem("iceberg.catalog.uri", str(error))
