"""The S3 sink connector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from tidegate.connectors.s3.client import s3_client, s3_errors
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
- Objects below `<topics.dir>/_tidegate/` are the connector's own: manifests, and the widest schema of each topic, which
  the gate (`schema.compatibility`) judges by. Delete `_tidegate/<connector>/schemas/<topic>.json` to begin anew.

The default of `schema.compatibility` is BACKWARD here, NONE in Confluent's connector.
"""


class S3SinkConnector(SinkConnector):
    """Topics to Parquet files in an S3 bucket, exactly once."""

    name = "s3-sink"
    doc = (
        "Writes topics to Parquet files in an S3 bucket, in directories by Kafka partition, field or time, with files "
        "closed by rows, bytes, record time or the clock."
    )
    guarantees: ClassVar[str] = _GUARANTEES
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
    if config["store.url"] and not str(config["store.url"]).startswith(("http://", "https://")):
        yield ConfigProblem("store.url", f"{config['store.url']!r} is not a URL: begin with http:// or https://")


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
