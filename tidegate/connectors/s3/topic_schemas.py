"""The widest schema of each topic, kept in the bucket so that a restart or another task judges alike."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import orjson
import pyarrow as pa
from botocore.exceptions import ClientError

from tidegate.connectors.s3.client import error_code, s3_errors
from tidegate.connectors.s3.object_name import ObjectNames
from tidegate.connectors.s3.schema_gate import NONE, SchemaRefusedError, admit
from tidegate.errors import FatalError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class TopicSchemas:
    """Judges schemas by topic.

    Args:
        client: S3.
        bucket: bucket.
        names: names of objects.
        mode: ``schema.compatibility``.
    """

    def __init__(self, client: S3Client, bucket: str, names: ObjectNames, mode: str) -> None:
        self._client = client
        self._bucket = bucket
        self._names = names
        self._mode = mode
        self._known: dict[str, pa.StructType | None] = {}
        self._judged: dict[tuple[str, pa.StructType], str] = {}

    def admit(self, topic: str, new: pa.StructType) -> pa.StructType:
        """The schema to write records of a schema with.

        Raises:
            SchemaRefusedError: they do not fit the topic's files.
            RetriableError: S3 is away.
        """
        if self._mode == NONE:
            return new
        if topic not in self._known:
            self._known[topic] = self._load(topic)
        known = self._known[topic]
        if known is None:
            self._keep(topic, new)
            return new
        if known.equals(new):
            return known
        refusal = self._judged.get((topic, new))
        if refusal is not None:
            raise SchemaRefusedError(refusal)
        try:
            admission = admit(known, new, self._mode)
        except SchemaRefusedError as error:
            # The topic's schema only widens towards what it has, so a refusal may be remembered until it does.
            self._judged[topic, new] = error.reason
            raise
        if admission.widened:
            self._judged.clear()
            self._keep(topic, admission.schema)
        return admission.schema

    def _keep(self, topic: str, schema: pa.StructType) -> None:
        key = self._names.schema(topic)
        bare = pa.schema([field.remove_metadata() for field in schema])
        body = orjson.dumps(
            {
                "version": 1,
                "fields": [str(field) for field in bare],
                "arrow": base64.b64encode(bare.serialize()).decode(),
            }
        )
        with s3_errors(f"put s3://{self._bucket}/{key}"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
        self._known[topic] = schema

    def _load(self, topic: str) -> pa.StructType | None:
        key = self._names.schema(topic)
        with s3_errors(f"get s3://{self._bucket}/{key}"):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if error_code(error) in ("404", "NoSuchKey"):
                    return None
                raise
        try:
            schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(orjson.loads(body)["arrow"])))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise FatalError(f"s3://{self._bucket}/{key} is not a schema: {error}.", remedy="Delete it.") from error
        return pa.struct(list(schema))
