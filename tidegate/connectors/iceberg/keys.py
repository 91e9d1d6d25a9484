"""Configuration keys of the Iceberg sink; the names are those of Apache Iceberg's Kafka Connect sink."""

from __future__ import annotations

from tidegate.sdk.config_def import ConfigDef, Importance, Type, at_least, one_of

_CATALOG = "Catalog"
_TABLES = "Tables"
_CHANGES = "Changes by key"
_COMMITS = "Files, commits"

CONFIG = (
    ConfigDef()
    .define(
        "iceberg.catalog",
        Type.STRING,
        "iceberg",
        Importance.LOW,
        "Name of the catalog; a SQL catalog keeps its tables under it, so that every writer has to use the same.",
        group=_CATALOG,
    )
    .define(
        "iceberg.catalog.type",
        Type.STRING,
        "rest",
        Importance.HIGH,
        "Kind of catalog: rest, or sql (PostgreSQL, SQLite). Every key iceberg.catalog.* is given to PyIceberg without "
        "its prefix, also those not listed here: header.*, rest.sigv4-enabled, rest.signing-name, s3.*, and so on.",
        validator=one_of("rest", "sql"),
        group=_CATALOG,
    )
    .define(
        "iceberg.catalog.uri",
        Type.STRING,
        None,
        Importance.HIGH,
        "Address of the catalog: http://host:8181 for rest; postgresql+psycopg://user@host/db or sqlite:///file for "
        "sql.",
        group=_CATALOG,
    )
    .define(
        "iceberg.catalog.warehouse",
        Type.STRING,
        None,
        Importance.HIGH,
        "Warehouse: what the REST catalog calls it, or for sql where tables are kept, such as s3://bucket/path.",
        group=_CATALOG,
    )
    .define(
        "iceberg.catalog.credential",
        Type.PASSWORD,
        None,
        Importance.MEDIUM,
        "OAuth2 client as id:secret, for REST catalogs that want one.",
        group=_CATALOG,
    )
    .define(
        "iceberg.catalog.token",
        Type.PASSWORD,
        None,
        Importance.MEDIUM,
        "Bearer token, for REST catalogs that want one.",
        group=_CATALOG,
    )
    .define(
        "iceberg.catalog.s3.endpoint",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "Endpoint of an object store other than AWS.",
        group=_CATALOG,
    )
    .define(
        "iceberg.catalog.s3.region", Type.STRING, None, Importance.MEDIUM, "Region of the object store.", group=_CATALOG
    )
    .define(
        "iceberg.catalog.s3.access-key-id",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "Access key id; without it what the catalog hands out, or the default chain.",
        group=_CATALOG,
    )
    .define(
        "iceberg.catalog.s3.secret-access-key",
        Type.PASSWORD,
        None,
        Importance.MEDIUM,
        "Secret that belongs to iceberg.catalog.s3.access-key-id.",
        group=_CATALOG,
    )
    .define(
        "iceberg.catalog.client.secret-access-key",
        Type.PASSWORD,
        None,
        Importance.LOW,
        "Secret that signs requests to a REST catalog (SigV4); belongs to iceberg.catalog.client.access-key-id.",
        group=_CATALOG,
    )
    .define(
        "iceberg.tables",
        Type.LIST,
        [],
        Importance.HIGH,
        "Tables to write to, as namespace.table. {topic} stands for the topic's name, its dots as underscores. Without "
        "iceberg.tables.route-field each record goes to all of them.",
        group=_TABLES,
    )
    .define(
        "iceberg.tables.route-field",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "Field (a.b for one within another) whose value says where a record goes: with dynamic-enabled it names the "
        "table, else a record goes to those of iceberg.tables whose iceberg.table.<table>.route-regex it matches "
        "whole.",
        group=_TABLES,
    )
    .define(
        "iceberg.tables.dynamic-enabled",
        Type.BOOLEAN,
        False,
        Importance.MEDIUM,
        "Whether iceberg.tables.route-field names the table; its value is taken in lower case.",
        group=_TABLES,
    )
    .define(
        "iceberg.tables.auto-create-enabled",
        Type.BOOLEAN,
        False,
        Importance.HIGH,
        "Whether missing tables are created, with the columns of the first record.",
        group=_TABLES,
    )
    .define(
        "iceberg.tables.evolve-schema-enabled",
        Type.BOOLEAN,
        False,
        Importance.HIGH,
        "Whether tables follow their records: new fields become columns, numbers are widened, and what records may "
        "leave null need not be given any more. A required field that is missing halts the record all the same. "
        "Without it, fields that are no columns are left out.",
        group=_TABLES,
    )
    .define(
        "iceberg.tables.schema-force-optional",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Whether columns of created tables are all optional, but for those of the key.",
        group=_TABLES,
    )
    .define(
        "iceberg.tables.schema-case-insensitive",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Whether fields find their columns whatever the case of their letters.",
        group=_TABLES,
    )
    .define(
        "iceberg.tables.default-partition-by",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "Partitioning of created tables: columns and transforms separated by commas, such as "
        "region, day(ts), bucket(id, 16), truncate(name, 4); also year, month, hour. "
        "iceberg.table.<table>.partition-by says it for one table. A table that exists keeps its own.",
        group=_TABLES,
    )
    .define(
        "iceberg.tables.default-id-columns",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "Columns of the key, separated by commas; iceberg.table.<table>.id-columns says it for one table. Not given: "
        "the table's identifier fields, or for a table to be created the fields of the record key.",
        group=_CHANGES,
    )
    .define(
        "iceberg.tables.upsert-mode-enabled",
        Type.BOOLEAN,
        False,
        Importance.HIGH,
        "Whether a record replaces the row of its key; a null value (tombstone) deletes it.",
        group=_CHANGES,
    )
    .define(
        "iceberg.tables.cdc-field",
        Type.STRING,
        None,
        Importance.HIGH,
        "Field that says what a record does: c, r, i, u (or I, U, INSERT, UPDATE) replace the row of its key, d (D, "
        "DELETE) deletes it, as Debezium's do. Implies upsert-mode-enabled.",
        group=_CHANGES,
    )
    .define(
        "behavior.on.null.values",
        Type.STRING,
        "fail",
        Importance.LOW,
        "What to do with a null value (a tombstone) where rows are only appended: fail halts the record, ignore leaves "
        "it out.",
        validator=one_of("fail", "ignore"),
        group=_CHANGES,
    )
    .define(
        "iceberg.control.commit.interval-ms",
        Type.LONG,
        300_000,
        Importance.HIGH,
        "Milliseconds between two snapshots of a table, counted on the clock, so that all tasks finish their files at "
        "the same moments.",
        validator=at_least(100),
        group=_COMMITS,
    )
    .define(
        "iceberg.control.topic",
        Type.STRING,
        None,
        Importance.LOW,
        "Topic in which tasks tell the committer of their files; not given, tidegate-iceberg-<connector>. It is "
        "created with one partition.",
        group=_COMMITS,
    )
    .define(
        "iceberg.control.topic.replication.factor",
        Type.INT,
        -1,
        Importance.LOW,
        "Replication factor that topic is created with; -1 is the brokers' default.",
        group=_COMMITS,
    )
    .define(
        "buffer.memory.bytes",
        Type.LONG,
        134_217_728,
        Importance.MEDIUM,
        "Bound of the memory of all open files of a task. Above it the largest are written out and, if that is not "
        "enough, closed early.",
        validator=at_least(1_048_576),
        group=_COMMITS,
    )
)
