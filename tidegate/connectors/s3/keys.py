"""Configuration keys of the S3 sink; the names are those of Confluent's S3 sink connector."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidegate.connectors.s3.avro_format import CODECS
from tidegate.connectors.s3.format_choice import FORMATS
from tidegate.connectors.s3.multipart import MIN_PART
from tidegate.connectors.s3.object_options import CANNED_ACLS, ENCRYPTIONS, customer_key_problem
from tidegate.connectors.s3.partitioner import EXTRACTORS
from tidegate.connectors.s3.path_format import PathFormat, path_locale
from tidegate.connectors.s3.schema_gate import BACKWARD, FORWARD, FULL, NONE
from tidegate.sdk.config_def import REQUIRED, ConfigDef, Importance, Type, at_least, between, non_empty, one_of

_PARTITIONERS = {
    "default": "io.confluent.connect.storage.partitioner.DefaultPartitioner",
    "field": "io.confluent.connect.storage.partitioner.FieldPartitioner",
    "time": "io.confluent.connect.storage.partitioner.TimeBasedPartitioner",
    "daily": "io.confluent.connect.storage.partitioner.DailyPartitioner",
    "hourly": "io.confluent.connect.storage.partitioner.HourlyPartitioner",
}
_CODECS = ("zstd", "snappy", "gzip", "lz4", "brotli", "none", "uncompressed")


def _directory(value: Any) -> str | None:
    if value is None or Path(value).is_dir():
        return None
    return f"{value!r} is not a directory on this worker: make it, or leave the key out"


def _locale(value: Any) -> str | None:
    try:
        path_locale(value)
    except ValueError as error:
        return str(error)
    return None


def _path_format(value: Any) -> str | None:
    try:
        PathFormat(value)
    except ValueError as error:
        return str(error)
    return None


def _encryption(value: Any) -> str | None:
    # Confluent's configurations give an empty text for none.
    return None if not value else one_of(*ENCRYPTIONS)(value)


def _acl(value: Any) -> str | None:
    return None if not value else one_of(*CANNED_ACLS)(value)


def _delimiter(value: Any) -> str | None:
    return None if value and not set(value) & set("/%") else f"{value!r} does not set names apart: use such as + or -"


def _own_format(value: Any) -> str | None:
    return None if not value else one_of(*FORMATS, *FORMATS.values())(value)


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
        "s3.proxy.url",
        Type.STRING,
        None,
        Importance.LOW,
        "Proxy to reach the store through, such as http://proxy:3128.",
        group="S3",
    )
    .define("s3.proxy.user", Type.STRING, None, Importance.LOW, "User at the proxy.", group="S3")
    .define("s3.proxy.password", Type.PASSWORD, None, Importance.LOW, "Password of s3.proxy.user.", group="S3")
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
        "s3.ssea.name",
        Type.STRING,
        None,
        Importance.LOW,
        "Encryption of objects at the server: AES256 (keys of S3) or aws:kms.",
        validator=_encryption,
        group="S3",
        recommended=ENCRYPTIONS,
    )
    .define(
        "s3.sse.kms.key.id",
        Type.STRING,
        None,
        Importance.LOW,
        "Key for aws:kms; without it the account's default key.",
        group="S3",
    )
    .define(
        "s3.sse.customer.key",
        Type.PASSWORD,
        None,
        Importance.LOW,
        "Key of your own to encrypt objects with at the server (SSE-C): 32 bytes as base64. S3 keeps none of it: "
        "readers have to give it as well.",
        validator=customer_key_problem,
        group="S3",
    )
    .define(
        "s3.acl.canned",
        Type.STRING,
        None,
        Importance.LOW,
        "Canned access control list of the objects.",
        validator=_acl,
        group="S3",
        recommended=CANNED_ACLS,
    )
    .define(
        "s3.object.tagging",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Tag data files with startOffset, endOffset and recordCount.",
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
        "file.delim",
        Type.STRING,
        "+",
        Importance.MEDIUM,
        "What stands between topic, partition and offset in the names of files. Keep it: what a task died over is "
        "found by its name.",
        validator=_delimiter,
        group="Files",
    )
    .define(
        "directory.delim",
        Type.STRING,
        "/",
        Importance.LOW,
        "What stands between directories; only a slash will do.",
        validator=one_of("/"),
        group="Files",
    )
    .define(
        "filename.offset.zero.pad.width",
        Type.INT,
        10,
        Importance.LOW,
        "Digits of the offset in the names of files, filled up with zeros.",
        validator=between(0, 19),
        group="Files",
    )
    .define(
        "format.class",
        Type.STRING,
        "parquet",
        Importance.HIGH,
        "File format. parquet; avro: object container files; json: one value a line, in the forms of Kafka Connect's "
        "JsonConverter without schemas; bytearray: values as they came, which need value.converter=bytes or string.",
        validator=one_of(*FORMATS, *FORMATS.values()),
        group="Files",
        recommended=tuple(FORMATS),
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
        "avro.codec",
        Type.STRING,
        "null",
        Importance.LOW,
        "Compression within Avro files. DuckDB reads null, deflate and snappy only.",
        validator=one_of(*CODECS),
        group="Files",
        recommended=tuple(CODECS),
    )
    .define(
        "s3.compression.type",
        Type.STRING,
        "none",
        Importance.LOW,
        "Compression of json and bytearray files: none, or gzip, which adds .gz to their names.",
        validator=one_of("none", "gzip"),
        group="Files",
        recommended=("none", "gzip"),
    )
    .define(
        "s3.compression.level",
        Type.INT,
        -1,
        Importance.LOW,
        "Level of gzip, 0 (fast) to 9 (small); -1 is its default.",
        validator=between(-1, 9),
        group="Files",
    )
    .define(
        "json.decimal.format",
        Type.STRING,
        "BASE64",
        Importance.LOW,
        "How json files hold decimals: BASE64 of the unscaled number, or NUMERIC.",
        validator=one_of("BASE64", "NUMERIC"),
        group="Files",
        recommended=("BASE64", "NUMERIC"),
    )
    .define(
        "format.bytearray.extension",
        Type.STRING,
        ".bin",
        Importance.LOW,
        "What names of bytearray files end with.",
        validator=non_empty,
        group="Files",
    )
    .define(
        "format.bytearray.separator",
        Type.STRING,
        None,
        Importance.LOW,
        "What follows each value in bytearray files; a line feed unless given.",
        group="Files",
    )
    .define(
        "store.kafka.keys",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Keep the records' keys: as a column beside the value's fields or, with keys.format.class, in files of their "
        "own.",
        group="Files",
    )
    .define(
        "keys.format.class",
        Type.STRING,
        None,
        Importance.LOW,
        "Format of files of keys, whose names are those of the files of values with .keys before the extension, and "
        "whose row n is the key of row n there. Without it keys are a column.",
        validator=_own_format,
        group="Files",
        recommended=tuple(FORMATS),
    )
    .define(
        "store.kafka.keys.column",
        Type.STRING,
        "_key",
        Importance.LOW,
        "Name of the column of keys.",
        validator=non_empty,
        group="Files",
    )
    .define(
        "store.kafka.headers",
        Type.BOOLEAN,
        False,
        Importance.LOW,
        "Keep the records' headers, a list of records of key (text) and value (bytes): as a column beside the value's "
        "fields or, with headers.format.class, in files of their own.",
        group="Files",
    )
    .define(
        "headers.format.class",
        Type.STRING,
        None,
        Importance.LOW,
        "Format of files of headers, named with .headers before the extension. Without it headers are a column.",
        validator=_own_format,
        group="Files",
        recommended=("parquet", "avro", "json"),
    )
    .define(
        "store.kafka.headers.column",
        Type.STRING,
        "_headers",
        Importance.LOW,
        "Name of the column of headers.",
        validator=non_empty,
        group="Files",
    )
    .define(
        "behavior.on.null.values",
        Type.STRING,
        "fail",
        Importance.LOW,
        "What to do with a null value (a tombstone): fail halts the record, ignore leaves it out, write keeps its key "
        "and, where they are kept, its headers in the directory tombstone.encoded.partition; it needs "
        "store.kafka.keys=true.",
        validator=one_of("fail", "ignore", "write"),
        group="Files",
        recommended=("fail", "ignore", "write"),
    )
    .define(
        "tombstone.encoded.partition",
        Type.STRING,
        "tombstone",
        Importance.LOW,
        "Directory below the topic's for the keys of tombstones, whatever the partitioner.",
        validator=non_empty,
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
        "Language of names of months and days in paths.",
        validator=_locale,
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
        validator=one_of(*EXTRACTORS),
        group="Directories",
        recommended=("Wallclock", "Record", "RecordField"),
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
        "A file is closed before the first record this much later than its first one, by the time that the time "
        "partitioner extracts, else by Kafka timestamp. It needs records to go on: see rotate.schedule.interval.ms.",
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
        "Bound of the memory of all open files of a task. Above it the largest are compressed and sent, what is too "
        "little for a part is spilled to the local disk and, if there is no room, files are closed early.",
        validator=at_least(8_388_608),
        group="Rotation",
    )
    .define(
        "spill.directory",
        Type.STRING,
        None,
        Importance.LOW,
        "Where open files are spilled; without it the system's directory for temporary files. Nothing is left there, "
        "however the task ends.",
        validator=_directory,
        group="Rotation",
    )
    .define(
        "spill.bytes",
        Type.LONG,
        2_147_483_648,
        Importance.LOW,
        "Bytes on the local disk at most, of one task; 0 closes files early instead.",
        validator=at_least(0),
        group="Rotation",
    )
    .define(
        "schema.compatibility",
        Type.STRING,
        BACKWARD,
        Importance.HIGH,
        "What a changed schema may be. NONE: anything; a file is closed at each change. Otherwise a record must have "
        "every required field of the files before, and is halted if it does not fit. BACKWARD: new fields, nullable, "
        "and wider types are taken into the files, where a new one begins; older records are projected onto them. "
        "FORWARD: files keep the first schema, and newer records are projected onto it. FULL: new fields are taken "
        "into the files; types stay as they are.",
        validator=one_of(NONE, BACKWARD, FORWARD, FULL),
        group="Schema",
        recommended=(NONE, BACKWARD, FORWARD, FULL),
    )
)
