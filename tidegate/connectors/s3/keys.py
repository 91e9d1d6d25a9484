"""Configuration keys of the S3 sink; the names are those of Confluent's S3 sink connector."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidegate.connectors.s3.multipart import MIN_PART
from tidegate.connectors.s3.path_format import PathFormat
from tidegate.connectors.s3.schema_gate import BACKWARD, FORWARD, FULL, NONE
from tidegate.sdk.config_def import REQUIRED, ConfigDef, Importance, Type, at_least, non_empty, one_of

_PARTITIONERS = {
    "default": "io.confluent.connect.storage.partitioner.DefaultPartitioner",
    "field": "io.confluent.connect.storage.partitioner.FieldPartitioner",
    "time": "io.confluent.connect.storage.partitioner.TimeBasedPartitioner",
    "daily": "io.confluent.connect.storage.partitioner.DailyPartitioner",
    "hourly": "io.confluent.connect.storage.partitioner.HourlyPartitioner",
}
_FORMATS = ("parquet", "io.confluent.connect.s3.format.parquet.ParquetFormat")
_CODECS = ("zstd", "snappy", "gzip", "lz4", "brotli", "none", "uncompressed")


def _path_format(value: Any) -> str | None:
    try:
        PathFormat(value)
    except ValueError as error:
        return str(error)
    return None


def _zone(value: Any) -> str | None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        return f"{value!r} is not a time zone: use a name such as UTC or Europe/Berlin"
    return None


CONFIG = (
    ConfigDef()
    .define(
        "s3.bucket.name",
        Type.STRING,
        REQUIRED,
        Importance.HIGH,
        "Bucket to write to; it has to exist.",
        validator=non_empty,
        group="S3",
    )
    .define("s3.region", Type.STRING, "us-east-1", Importance.MEDIUM, "Region of the bucket.", group="S3")
    .define(
        "store.url",
        Type.STRING,
        None,
        Importance.MEDIUM,
        "Endpoint of a store other than AWS, such as http://minio:9000.",
        group="S3",
    )
    .define(
        "aws.access.key.id",
        Type.STRING,
        None,
        Importance.HIGH,
        "Access key id; without it the default chain applies: environment, profile, role of the machine.",
        group="S3",
    )
    .define(
        "aws.secret.access.key",
        Type.PASSWORD,
        None,
        Importance.HIGH,
        "Secret that belongs to aws.access.key.id.",
        group="S3",
    )
    .define(
        "s3.path.style.access.enabled",
        Type.BOOLEAN,
        True,
        Importance.LOW,
        "Name the bucket in the path rather than in the host name.",
        group="S3",
    )
    .define(
        "s3.part.size",
        Type.INT,
        26_214_400,
        Importance.MEDIUM,
        "Bytes of one part of an upload; also how much of a file's compressed bytes is held in memory.",
        validator=at_least(MIN_PART),
        group="S3",
    )
    .define(
        "topics.dir",
        Type.STRING,
        "topics",
        Importance.HIGH,
        "Prefix of all objects. Two connectors that read the same topic need two prefixes.",
        group="Files",
    )
    .define(
        "format.class",
        Type.STRING,
        "parquet",
        Importance.HIGH,
        "File format: parquet.",
        validator=one_of(*_FORMATS),
        group="Files",
        recommended=("parquet",),
    )
    .define(
        "parquet.codec",
        Type.STRING,
        "zstd",
        Importance.LOW,
        "Compression within the files; part of their names.",
        validator=one_of(*_CODECS),
        group="Files",
        recommended=_CODECS,
    )
    .define(
        "parquet.row.group.bytes",
        Type.INT,
        33_554_432,
        Importance.LOW,
        "Bytes of rows, before compression, that are gathered into one row group.",
        validator=at_least(65_536),
        group="Files",
    )
    .define(
        "behavior.on.null.values",
        Type.STRING,
        "fail",
        Importance.LOW,
        "What to do with a null value (a tombstone): fail halts the record, ignore leaves it out.",
        validator=one_of("fail", "ignore"),
        group="Files",
    )
    .define(
        "partitioner.class",
        Type.STRING,
        "default",
        Importance.HIGH,
        "How records are put into directories. default: partition=<Kafka partition>; field: <field>=<value>; time: a "
        "path made of the record's time; daily and hourly: time with a fixed path.",
        validator=one_of(*_PARTITIONERS, *_PARTITIONERS.values()),
        group="Directories",
        recommended=tuple(_PARTITIONERS),
    )
    .define(
        "partition.field.name",
        Type.LIST,
        None,
        Importance.MEDIUM,
        "Fields for the field partitioner, one directory level each; they stay in the file as well.",
        group="Directories",
    )
    .define(
        "partition.duration.ms",
        Type.LONG,
        3_600_000,
        Importance.MEDIUM,
        "Times are rounded down to multiples of this before they make a path.",
        validator=at_least(1),
        group="Directories",
    )
    .define(
        "path.format",
        Type.STRING,
        "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH",
        Importance.MEDIUM,
        "Path for the time partitioner, in Joda-Time's letters.",
        validator=_path_format,
        group="Directories",
    )
    .define(
        "locale",
        Type.STRING,
        "en-US",
        Importance.LOW,
        "Language of names of months and days in paths; English only.",
        validator=lambda value: None if str(value).lower().startswith("en") else "only English is there: use en-US",
        group="Directories",
    )
    .define(
        "timezone",
        Type.STRING,
        "UTC",
        Importance.MEDIUM,
        "Time zone of paths and of the rotation schedule.",
        validator=_zone,
        group="Directories",
    )
    .define(
        "timestamp.extractor",
        Type.STRING,
        "Record",
        Importance.MEDIUM,
        "Where the time partitioner takes the time from: Wallclock, Record (the Kafka timestamp) or RecordField.",
        validator=one_of("Wallclock", "Record", "RecordField"),
        group="Directories",
    )
    .define(
        "timestamp.field",
        Type.STRING,
        "timestamp",
        Importance.MEDIUM,
        "Field for RecordField: a timestamp, a date, milliseconds since 1970, or ISO 8601 text.",
        group="Directories",
    )
    .define(
        "flush.size",
        Type.INT,
        100_000,
        Importance.HIGH,
        "Rows of a file at most.",
        validator=at_least(1),
        group="Rotation",
    )
    .define(
        "rotate.bytes",
        Type.LONG,
        None,
        Importance.MEDIUM,
        "Bytes after which a file is closed; it may pass this by one row group.",
        group="Rotation",
    )
    .define(
        "rotate.interval.ms",
        Type.LONG,
        None,
        Importance.HIGH,
        "A file is closed before the first record this much later than its first one, by Kafka timestamp. It needs "
        "records to go on: see rotate.schedule.interval.ms.",
        group="Rotation",
    )
    .define(
        "rotate.schedule.interval.ms",
        Type.LONG,
        None,
        Importance.HIGH,
        "Files are closed at multiples of this on the clock, counted from midnight in `timezone`, also when no record "
        "comes: 900000 is each quarter of an hour.",
        group="Rotation",
    )
    .define(
        "buffer.memory.bytes",
        Type.LONG,
        134_217_728,
        Importance.MEDIUM,
        "Bound of the memory of all open files of a task. Above it the largest are written out and, if that is not "
        "enough, closed early.",
        validator=at_least(8_388_608),
        group="Rotation",
    )
    .define(
        "schema.compatibility",
        Type.STRING,
        BACKWARD,
        Importance.HIGH,
        "What a changed schema may be. NONE: anything; a file is closed at each change. BACKWARD, FORWARD, FULL: a "
        "record must have every required field of the files before, with the same or a promotable type; files are then "
        "written with the widest schema, new fields nullable. A record that does not fit is halted. The three differ "
        "at the registry, not here.",
        validator=one_of(NONE, BACKWARD, FORWARD, FULL),
        group="Schema",
        recommended=(NONE, BACKWARD, FORWARD, FULL),
    )
)
