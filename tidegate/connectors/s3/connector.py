"""The S3 sink connector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from tidegate.connectors.s3.client import s3_client, s3_errors
from tidegate.connectors.s3.envelope_columns import EnvelopeColumns
from tidegate.connectors.s3.format_choice import format_name
from tidegate.connectors.s3.keys import CONFIG
from tidegate.connectors.s3.schema_gate import BACKWARD, NONE
from tidegate.connectors.s3.task import S3SinkTask
from tidegate.errors import ConfigProblem, TidegateError
from tidegate.sdk.config_def import Config, ConfigDef
from tidegate.sdk.drift import EVOLVE, PROJECT, DriftKeys
from tidegate.sdk.sink import SinkConnector, SinkTask

_GUARANTEES = """\
Each record is in exactly one file, with every kind of rotation and through kill -9 of the worker. A file appears whole
or not at all, after its records' offsets have been committed:

1. Rows go into multipart uploads, of which S3 shows nothing.
2. When a file of a topic partition is due, all open files of that partition are uploaded to the end, and a manifest
   named by the offset is put below `<topics.dir>/_tidegate/`.
3. The offset is committed in a Kafka transaction. A task that has been replaced is fenced there.
4. The uploads are completed, which makes the files visible, and the manifest is emptied; the next commit deletes it.

A worker that dies before 3 leaves nothing visible: its successor reads the records again and aborts the leftovers.
One that dies after 3 leaves the manifest: its successor completes the uploads before it reads a record. So a file may
appear a takeover later than its offset, but it appears.

- A bucket rule that aborts incomplete multipart uploads must allow for the longest time a connector may stand still
  between 3 and 4 (days, to be safe). If it strikes there, the task fails and names the offset to go back to.
- All open files of a topic partition rotate together: many directories with few records make small files.
- When offsets are altered, the files already written stay: going back writes records again, under the same names where
  rotation cuts at the same offsets.
- Objects below `<topics.dir>/_tidegate/` are the connector's own: manifests, and the schema of each topic, which the
  gate (`schema.compatibility`) judges by. Delete `_tidegate/<connector>/schemas/<topic>.json` to begin anew.

Memory is bounded by `buffer.memory.bytes`, however many directories a backlog is spread over: above it open files are
compressed and sent, then spilled to the local disk up to `spill.bytes`, then closed early. What is spilled has no name
and is gone with the process, so nothing of it is left by kill -9.

A record that a file can not hold (null, no record, a field without its type) is halted by itself: it goes to the dead
letter queue or fails the task, and the rest goes on.

## Schemas

What arrives with a schema (`avro`, `protobuf`, `jsonschema`, `json` with `schemas.enable`) is written with it. JSON
without one is inferred batch by batch, which may differ from batch to batch; better declare it: the
[json converter](../converters.md#json) takes `value.converter.schema.content` or `value.converter.schema.subject`, and
records that do not fit are halted one by one.

## Other stores

- AWS: `s3.region`; `s3.path.style.access.enabled=false` for buckets that are named in the host.
- MinIO, SeaweedFS, Ceph: `store.url=http://host:port`, the rest as it stands.
- Cloudflare R2: `store.url=https://<account>.r2.cloudflarestorage.com` and `s3.region=auto`. It has no canned ACLs,
  no tags and no keys of KMS: leave `s3.acl.canned`, `s3.object.tagging` and `s3.ssea.name` out.

The store has to list multipart uploads and to keep them across its own restarts. Tests run on SeaweedFS.

## Coming from Confluent's connector

Keys and class names are Confluent's, so a configuration works as it stands. What differs:

- `schema.compatibility` is BACKWARD unless set, NONE there, and judges by what schemas hold rather than by their
  versions ([decision 0023](../decisions/0023-the-s3-sink-judges-schemas-by-what-they-hold.md)).
- `store.kafka.keys` and `store.kafka.headers` add columns to the file of values unless `keys.format.class` and
  `headers.format.class` are given, which have a default there. With them the files are Confluent's: `.keys` and
  `.headers` before the extension, row by row beside the values
  ([decision 0041](../decisions/0041-keys-and-headers-of-the-s3-sink-may-have-files-of-their-own.md)). A header's value
  is bytes, text there, and records without headers have an empty list, while they are refused there.
- `behavior.on.null.values=write` writes keys, and headers, below `tombstone.encoded.partition`; where keys are a
  column, as rows that have nothing else.
- Not there and refused: headers as `ByteArrayFormat`, a class of your own as format or partitioner, another
  `directory.delim` than a slash. Without effect: `s3.credentials.provider.class` (the default chain finds roles),
  `s3.part.retries` and `s3.retry.backoff.ms` (five tries with jittered backoff), `s3.wan.mode`, `storage.class`.
- `flush.size` has a default. Rotation by the clock, by bytes or under memory pressure is exactly once too.
- `parquet.codec` is zstd unless set, snappy there. `avro.codec` has xz and zstandard as well.
"""

_EXAMPLE = """\
Events of an application, plain JSON, to Parquet by hour of the event, a file each quarter of an hour at the latest:

```yaml
name: app-events
connector.class: s3-sink
tasks.max: 4
topics: app.events
value.converter: json
value.converter.schemas.enable: false
value.converter.schema.content: >
  {"type": "record", "name": "Event", "fields": [
    {"name": "id", "type": "string"},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "kind", "type": "string"},
    {"name": "amount", "type": ["null", "double"]}]}
errors.tolerance: all
errors.deadletterqueue.topic.name: app.events.halted
s3.bucket.name: lake
store.url: http://minio:9000
aws.access.key.id: ${env:STORE_KEY}
aws.secret.access.key: ${env:STORE_SECRET}
partitioner.class: hourly
timestamp.extractor: RecordField
timestamp.field: at
timezone: Europe/Berlin
flush.size: 1000000
rotate.schedule.interval.ms: 900000
s3.ssea.name: AES256
```

`{"id": "a1", "at": "2026-03-07T12:30:00Z", "kind": "order", "amount": 2.5}` becomes a row of
`topics/app.events/year=2026/month=03/day=07/hour=13/app.events+0+0000000000.zstd.parquet`. An event without `at` waits
in `app.events.halted` with the reason `Field at is null or missing, but the schema requires a value`. DuckDB reads the
directories as columns:

```sql
SELECT kind, sum(amount)
FROM read_parquet('s3://lake/topics/app.events/**/*.parquet', hive_partitioning = true)
WHERE year = 2026 AND month = 3
GROUP BY kind;
```
"""


class S3SinkConnector(SinkConnector):
    """Topics to files in an S3 bucket, exactly once."""

    name = "s3-sink"
    doc = (
        "Writes topics to Parquet, Avro or JSON files in an S3 bucket, in directories by Kafka partition, field or "
        "time, with files closed by rows, bytes, record time or the clock."
    )
    guarantees: ClassVar[str] = _GUARANTEES
    example: ClassVar[str] = _EXAMPLE
    aliases = ("io.confluent.connect.s3.S3SinkConnector", "S3SinkConnector", "s3")
    config_def: ClassVar[ConfigDef] = CONFIG
    task_class: ClassVar[type[SinkTask]] = S3SinkTask
    drift_keys: ClassVar[DriftKeys] = {
        EVOLVE: {"schema.compatibility": NONE},
        PROJECT: {"schema.compatibility": BACKWARD},
    }

    def validate(self, config: Config) -> Sequence[ConfigProblem]:
        return list(_combinations(config)) or list(_bucket_problems(config))


def _combinations(config: Config) -> Iterator[ConfigProblem]:
    by_field = str(config["partitioner.class"]).rpartition(".")[2].lower().startswith("field")
    if by_field and not config["partition.field.name"]:
        yield ConfigProblem("partition.field.name", "missing; the field partitioner needs it: name a field")
    if bool(config["aws.access.key.id"]) != bool(config["aws.secret.access.key"]):
        missing = "aws.secret.access.key" if config["aws.access.key.id"] else "aws.access.key.id"
        yield ConfigProblem(missing, "missing; the two keys go together: set both or neither")
    if config["s3.sse.kms.key.id"] and config["s3.ssea.name"] != "aws:kms":
        yield ConfigProblem("s3.ssea.name", "has to be aws:kms where s3.sse.kms.key.id is given")
    if config["s3.sse.customer.key"] and config["s3.ssea.name"]:
        yield ConfigProblem("s3.ssea.name", "does not go with s3.sse.customer.key: leave one of the two out")
    yield from _envelope_problems(config)
    if config["store.url"] and not str(config["store.url"]).startswith(("http://", "https://")):
        yield ConfigProblem("store.url", f"{config['store.url']!r} is not a URL: begin with http:// or https://")


def _envelope_problems(config: Config) -> Iterator[ConfigProblem]:
    """Whether keys, headers and tombstones have a place."""
    columns = EnvelopeColumns.from_config(config)
    if columns.key is not None or columns.headers is not None:
        part = "keys" if columns.key is not None else "headers"
        if format_name(config) == "bytearray":
            yield ConfigProblem(
                f"store.kafka.{part}",
                f"needs files with columns: set {part}.format.class for files of their own, or another format.class",
            )
        elif columns.key == columns.headers:
            yield ConfigProblem("store.kafka.headers.column", "is the name of the column of keys as well")
    for part in ("keys", "headers"):
        if config[f"{part}.format.class"] and not config[f"store.kafka.{part}"]:
            yield ConfigProblem(
                f"{part}.format.class", f"has no effect without store.kafka.{part}=true: set it as well"
            )
    if config["headers.format.class"] and format_name(config, "headers.format.class") == "bytearray":
        yield ConfigProblem("headers.format.class", "headers are no bytes: use parquet, avro or json")
    if config["behavior.on.null.values"] == "write" and not config["store.kafka.keys"]:
        yield ConfigProblem("behavior.on.null.values", "write keeps the keys of tombstones: set store.kafka.keys=true")


def _bucket_problems(config: Config) -> Iterator[ConfigProblem]:
    client = s3_client(config, read_timeout=5, attempts=1)
    try:
        with s3_errors(f"reach bucket {config['s3.bucket.name']}"):
            client.head_bucket(Bucket=config["s3.bucket.name"])
    except TidegateError as error:
        text = str(error)
        if "404" in text or "Not Found" in text:
            yield ConfigProblem("s3.bucket.name", f"bucket {config['s3.bucket.name']!r} does not exist: create it")
        elif "refuses" in text or "credentials" in text.lower():
            yield ConfigProblem("aws.access.key.id", text)
        else:
            yield ConfigProblem("store.url" if config["store.url"] else "s3.bucket.name", text)
    finally:
        client.close()
