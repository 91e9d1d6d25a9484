"""Multipart uploads: a file that is written part by part and seen by nobody until it is completed."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidegate.connectors.s3.client import error_code, s3_errors
from tidegate.connectors.s3.spill_space import Extent, SpillSpace
from tidegate.errors import FatalError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

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
        first_offset: Kafka offset of the first of them.
        last_offset: Kafka offset of the last.
    """

    key: str
    upload_id: str
    etags: Sequence[str]
    size: int
    rows: int
    first_offset: int
    last_offset: int


@dataclass(slots=True)
class _Part:
    """A part on its way: its bytes are kept, on disk or in memory, until S3 has them."""

    number: int
    spilled: Sequence[Extent]
    data: bytes
    etag: Future[str] = field(default_factory=Future)


class MultipartFile(io.RawIOBase):
    """A write-only file that goes to S3 in parts, which are sent side by side while more is written.

    Writing never fails, so that a batch of rows is taken whole or not at all; that S3 is away shows in :meth:`settle`
    and :meth:`prepare`, which can be called again.

    Args:
        client: S3.
        bucket: bucket.
        key: object.
        part_size: bytes of a part, :data:`MIN_PART` or more.
        uploads: sends parts; its work never waits for other work of it.
        space: room on disk for what is too little for a part.
    """

    def __init__(
        self, client: S3Client, bucket: str, key: str, part_size: int, uploads: Executor, space: SpillSpace
    ) -> None:
        super().__init__()
        self.key = key
        self._client = client
        self._bucket = bucket
        self._part_size = part_size
        self._uploads = uploads
        self._space = space
        self._spilled: list[Extent] = []
        self._buffer = bytearray()
        self._cut = 0
        self._parts = 0
        self._on_the_way: deque[_Part] = deque()
        self._etags: list[str] = []
        self._upload_id: str | None = None
        self._creating = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._cut + self._unsent

    @property
    def buffered(self) -> int:
        """Bytes held in memory: not yet sent, or on their way."""
        return len(self._buffer) + sum(len(part.data) for part in self._on_the_way)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        """Takes bytes; begins to send the parts that are full."""
        self._buffer += data
        while self._unsent >= self._part_size:
            self._send(self._part_size)
        return len(data)

    def release(self) -> None:
        """Begins to send what is buffered ahead of time, if it is enough for a part."""
        if self._unsent >= MIN_PART:
            self._send(self._unsent)

    def spill(self) -> None:
        """Moves what is buffered to the disk, where there is room; it is read again when it is sent."""
        if self._buffer and self._unsent < self._part_size:
            extent = self._space.write(bytes(self._buffer))
            if extent is not None:
                self._spilled.append(extent)
                self._buffer.clear()

    def finish(self) -> None:
        """Begins to send the last part."""
        if self._unsent or not self._parts:
            self._send(self._unsent)

    def settle(self) -> None:
        """Waits until nothing is on its way.

        Raises:
            RetriableError: S3 is away; parts that did not arrive are sent again the next time.
        """
        for part in self._on_the_way:
            if part.etag.done() and part.etag.exception() is not None:
                part.etag = self._uploads.submit(self._upload, part)
        while self._on_the_way:
            part = self._on_the_way[0]
            self._etags.append(part.etag.result())
            self._on_the_way.popleft()
            for extent in part.spilled:
                self._space.free(extent)

    def prepare(self, rows: int, first_offset: int, last_offset: int) -> Prepared:
        """Waits until everything is at S3; call :meth:`finish` before.

        Args:
            rows: records in the file, for the manifest.
            first_offset: of the first of them.
            last_offset: of the last.

        Raises:
            RetriableError: S3 is away.
        """
        self.settle()
        assert self._upload_id is not None
        return Prepared(self.key, self._upload_id, tuple(self._etags), self._cut, rows, first_offset, last_offset)

    def abort(self) -> None:
        """Drops the upload and its parts."""
        self._buffer.clear()
        # A part that arrives after the abort would stay at S3.
        wait([part.etag for part in self._on_the_way if not part.etag.cancel()])
        if self._upload_id is not None:
            abort_upload(self._client, self._bucket, self.key, self._upload_id)

    @property
    def _unsent(self) -> int:
        return sum(extent.length for extent in self._spilled) + len(self._buffer)

    def _send(self, length: int) -> None:
        # No more is ever on disk than fits into the next part.
        rest = length - sum(extent.length for extent in self._spilled)
        self._parts += 1
        part = _Part(self._parts, self._spilled, bytes(self._buffer[:rest]))
        del self._buffer[:rest]
        self._spilled = []
        self._cut += length
        part.etag = self._uploads.submit(self._upload, part)
        self._on_the_way.append(part)

    def _upload(self, part: _Part) -> str:
        # Read here, so that no more parts are in memory again than are sent side by side.
        body = b"".join([*(self._space.read(extent) for extent in part.spilled), part.data])
        with s3_errors(f"upload s3://{self._bucket}/{self.key}"):
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=self.key,
                UploadId=self._created(),
                PartNumber=part.number,
                Body=body,
            )
        return answer["ETag"]

    def _created(self) -> str:
        with self._creating:
            if self._upload_id is None:
                created = self._client.create_multipart_upload(Bucket=self._bucket, Key=self.key)
                self._upload_id = created["UploadId"]
            return self._upload_id


def complete_upload(client: S3Client, bucket: str, upload: Prepared, *, tagged: bool = False) -> None:
    """Makes the object visible; repeatable: an upload that is gone and an object of its size there means done.

    Args:
        client: S3.
        bucket: bucket.
        upload: what to complete.
        tagged: whether to tag the object with its offsets and its number of records.

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
        if tagged:
            client.put_object_tagging(Bucket=bucket, Key=upload.key, Tagging={"TagSet": _tags(upload)})


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


def _tags(upload: Prepared) -> list[TagTypeDef]:
    # The names are those of Confluent's sink.
    tags = {"startOffset": upload.first_offset, "endOffset": upload.last_offset, "recordCount": upload.rows}
    return [{"Key": name, "Value": str(value)} for name, value in tags.items()]
