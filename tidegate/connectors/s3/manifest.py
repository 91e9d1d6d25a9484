"""Manifests: what one commit of a topic partition will make visible; empty once it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson
from botocore.exceptions import ClientError

from tidegate.connectors.s3.client import error_code, s3_errors
from tidegate.connectors.s3.multipart import Prepared
from tidegate.errors import FatalError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def write_manifest(client: S3Client, bucket: str, key: str, files: Sequence[Prepared]) -> None:
    """Stores a manifest.

    Raises:
        RetriableError: S3 is away.
    """
    body = orjson.dumps({"version": 1, "files": [_to_json(file) for file in files]})
    with s3_errors(f"put s3://{bucket}/{key}"):
        client.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def read_manifest(client: S3Client, bucket: str, key: str) -> list[Prepared] | None:
    """The files of a manifest; None when it is gone.

    Raises:
        RetriableError: S3 is away.
        FatalError: it is not a manifest.
    """
    with s3_errors(f"get s3://{bucket}/{key}"):
        try:
            body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error_code(error) in ("404", "NoSuchKey"):
                return None
            raise
    try:
        return [
            Prepared(file["key"], file["upload_id"], tuple(file["etags"]), file["size"], file["rows"], *file["offsets"])
            for file in orjson.loads(body)["files"]
        ]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise FatalError(f"s3://{bucket}/{key} is not a manifest: {error}.") from error


def delete_object(client: S3Client, bucket: str, key: str) -> None:
    """Deletes an object; repeatable.

    Raises:
        RetriableError: S3 is away.
    """
    with s3_errors(f"delete s3://{bucket}/{key}"):
        client.delete_object(Bucket=bucket, Key=key)


def list_keys(client: S3Client, bucket: str, prefix: str) -> list[str]:
    """All keys that begin with a prefix.

    Raises:
        RetriableError: S3 is away.
    """
    with s3_errors(f"list s3://{bucket}/{prefix}"):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]


def _to_json(file: Prepared) -> dict[str, object]:
    return {
        "key": file.key,
        "upload_id": file.upload_id,
        "etags": list(file.etags),
        "size": file.size,
        "rows": file.rows,
        "offsets": [file.first_offset, file.last_offset],
    }
