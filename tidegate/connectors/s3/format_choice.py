"""Which format a configuration asks for."""

from __future__ import annotations

from tidegate.connectors.s3.avro_format import AvroFormat
from tidegate.connectors.s3.file_format import FileFormat
from tidegate.connectors.s3.parquet_format import ParquetFormat
from tidegate.connectors.s3.text_format import ByteArrayFormat, JsonFormat, compression
from tidegate.sdk.config_def import Config

FORMATS = {
    "parquet": "io.confluent.connect.s3.format.parquet.ParquetFormat",
    "avro": "io.confluent.connect.s3.format.avro.AvroFormat",
    "json": "io.confluent.connect.s3.format.json.JsonFormat",
    "bytearray": "io.confluent.connect.s3.format.bytearray.ByteArrayFormat",
}
"""Values of ``format.class``: ours, and Confluent's classes."""


def format_name(config: Config, key: str = "format.class") -> str:
    """The short name of the format that a key names: one of :data:`FORMATS`."""
    return str(config[key]).rpartition(".")[2].lower().removesuffix("format")


def file_format(config: Config, key: str = "format.class") -> FileFormat:
    """The format of the files that a key is about."""
    kind = format_name(config, key)
    if kind == "parquet":
        return ParquetFormat(config["parquet.codec"], config["parquet.row.group.bytes"])
    if kind == "avro":
        return AvroFormat(config["avro.codec"])
    suffix, compress = compression(config["s3.compression.type"], config["s3.compression.level"])
    if kind == "json":
        return JsonFormat(suffix, compress, numeric_decimals=config["json.decimal.format"] == "NUMERIC")
    separator = config.originals.get("format.bytearray.separator", "\n").encode()
    return ByteArrayFormat(config["format.bytearray.extension"], separator, suffix, compress)
