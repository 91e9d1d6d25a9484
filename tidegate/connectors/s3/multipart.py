"""Multipart uploads: a file that is written part by part and seen by nobody until it is completed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidegate.connectors.s3.client import error_code, s3_errors
from tidegate.errors import FatalError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIN_PART = 5 * 1024 * 1024
"""Every part but the last has at least so many bytes: a rule of S3."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An upload whose bytes are all at S3, ready to be completed.

    Args:
        key: the object.
        upload_id: S3's name of the upload.
        etags: one a part, in order.
        size: bytes of the object.
        rows: records in it.
    """

    key: str
    upload_id: str
    etags: Sequence[str]
    size: int
    rows: int


class MultipartFile(io.RawIOBase):
    """A write-only file that goes to S3 in parts.

    Args:
        client: S3.
        bucket: bucket.
        key: object.
        part_size: bytes of a part, :data:`MIN_PART` or more.
    """

    def __init__(self, client: S3Client, bucket: str, key: str, part_size: int) -> None:
        super().__init__()
        self.key = key
        self._client = client
        self._bucket = bucket
        self._part_size = part_size
        self._buffer = bytearray()
        self._sent = 0
        self._upload_id: str | None = None
        self._etags: list[str] = []

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._sent + len(self._buffer)

    @property
    def buffered(self) -> int:
        """Bytes held in memory."""
        return len(self._buffer)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        """Takes bytes; sends the parts that are full.

        Raises:
            RetriableError: S3 is away.
        """
        self._buffer += data
        while len(self._buffer) >= self._part_size:
            self._send(self._part_size)
        return len(data)

    def release(self) -> None:
        """Sends what is buffered ahead of time, if it is enough for a part."""
        if len(self._buffer) >= MIN_PART:
            self._send(len(self._buffer))

    def prepare(self, rows: int) -> Prepared:
        """Sends the last part.

        Args:
            rows: records in the file, for the manifest.
        """
        if self._buffer or not self._etags:
            self._send(len(self._buffer))
        assert self._upload_id is not None
        return Prepared(self.key, self._upload_id, tuple(self._etags), self._sent, rows)

    def abort(self) -> None:
        """Drops the upload and its parts."""
        self._buffer.clear()
        if self._upload_id is not None:
            abort_upload(self._client, self._bucket, self.key, self._upload_id)

    def _send(self, length: int) -> None:
        with s3_errors(f"upload s3://{self._bucket}/{self.key}"):
            if self._upload_id is None:
                created = self._client.create_multipart_upload(Bucket=self._bucket, Key=self.key)
                self._upload_id = created["UploadId"]
            part = bytes(self._buffer[:length])
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=self.key,
                UploadId=self._upload_id,
                PartNumber=len(self._etags) + 1,
                Body=part,
            )
        del self._buffer[:length]
        self._sent += length
        self._etags.append(answer["ETag"])


def complete_upload(client: S3Client, bucket: str, upload: Prepared) -> None:
    """Makes the object visible; repeatable: an upload that is gone and an object of its size there means done.

    Raises:
        RetriableError: S3 is away.
        FatalError: the upload is gone and its object is not there: somebody aborted it.
    """
    with s3_errors(f"complete s3://{bucket}/{upload.key}"):
        try:
            client.complete_multipart_upload(
                Bucket=bucket,
                Key=upload.key,
                UploadId=upload.upload_id,
                MultipartUpload={
                    "Parts": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(upload.etags, start=1)]
                },
            )
        except ClientError as error:
            if error_code(error) not in ("NoSuchUpload", "404"):
                raise
            if _size(client, bucket, upload.key) != upload.size:
                raise FatalError(
                    f"The committed file s3://{bucket}/{upload.key} ({upload.rows} records) can not be completed: "
                    "its multipart upload is gone.",
                    remedy="Lengthen the bucket's rule that aborts incomplete uploads, and set the sink's offsets back "
                    "to the offset in the file's name.",
                ) from error


def abort_upload(client: S3Client, bucket: str, key: str, upload_id: str) -> None:
    """Drops an upload; repeatable.

    Raises:
        RetriableError: S3 is away.
    """
    with s3_errors(f"abort an upload of s3://{bucket}/{key}"):
        try:
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
        except ClientError as error:
            if error_code(error) not in ("NoSuchUpload", "404"):
                raise


def _size(client: S3Client, bucket: str, key: str) -> int | None:
    try:
        return client.head_object(Bucket=bucket, Key=key)["ContentLength"]
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchKey"):
            return None
        raise
