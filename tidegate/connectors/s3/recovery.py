"""Recovery: finishes what an earlier holder of a topic partition had committed, drops what it had not."""

from __future__ import annotations

from concurrent.futures import Executor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from tidegate.connectors.s3.client import s3_errors
from tidegate.connectors.s3.manifest import delete_object, list_keys, read_manifest, write_manifest
from tidegate.connectors.s3.multipart import abort_upload, complete_upload
from tidegate.connectors.s3.object_name import ObjectNames, parse_manifest_key
from tidegate.records.envelope import TopicPartition
from tidegate.telemetry.logging import get_logger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = get_logger(__name__)


class Recovery:
    """Looks after what earlier holders left.

    A holder commits an offset only after it wrote a manifest named by that offset. So at committed offset P the
    manifest named P tells what has to be visible. Several may be named P: the broker admitted one holder at a time, and
    a holder that read P as committed writes none named P; so the latest holder's is the one that was committed. It
    stays, empty, until the next commit: otherwise one that a replaced holder writes late would be taken for it.

    Args:
        client: S3.
        bucket: bucket.
        names: names of objects.
        executor: runs requests side by side.
        epoch: epoch of this holder.
        started_ms: when this holder started, by S3's clock, in milliseconds since 1970.
        tagged: whether completed objects are tagged.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        names: ObjectNames,
        executor: Executor,
        epoch: int,
        started_ms: int,
        *,
        tagged: bool = False,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._names = names
        self._executor = executor
        self._epoch = epoch
        self._started_ms = started_ms
        self._tagged = tagged

    def recover(self, where: TopicPartition, committed: int | None) -> str | None:
        """Completes the files committed at an offset; drops manifests and uploads of earlier holders.

        Only what is older than this holder's start is dropped, so that one that comes late and is itself replaced
        already does not touch its successor's.

        Args:
            where: topic partition.
            committed: its committed offset; None if there is none.

        Returns:
            the key of the manifest of the commit at that offset; None if there is none.

        Raises:
            RetriableError: S3 is away.
            FatalError: committed uploads are gone.
        """
        prefix = self._names.manifests(where)
        found = [
            (parsed, key)
            for key in list_keys(self._client, self._bucket, prefix)
            if (parsed := parse_manifest_key(prefix, key)) is not None
        ]
        _, last = max(((parsed, key) for parsed, key in found if parsed[0] == committed), default=(None, None))
        if last is not None:
            self._complete(where, last)
        for (_, epoch, started), key in found:
            if key != last and (epoch, started) < (self._epoch, self._started_ms):
                delete_object(self._client, self._bucket, key)
        self._abort_uploads(where)
        return last

    def _complete(self, where: TopicPartition, key: str) -> None:
        files = read_manifest(self._client, self._bucket, key) or []
        complete = partial(complete_upload, self._client, self._bucket, tagged=self._tagged)
        list(self._executor.map(complete, files))
        if files:
            write_manifest(self._client, self._bucket, key, ())
            log.info("files_completed_for_predecessor", topic=where.topic, partition=where.partition, files=len(files))

    def _abort_uploads(self, where: TopicPartition) -> None:
        started = datetime.fromtimestamp(self._started_ms / 1000, UTC)
        leftovers: list[tuple[str, str]] = []
        with s3_errors(f"list uploads of s3://{self._bucket}/{self._names.root}"):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=self._names.root
            )
            for page in pages:
                leftovers += [
                    (upload["Key"], upload["UploadId"])
                    for upload in page.get("Uploads", [])
                    if self._names.is_data_of(where, upload["Key"]) and upload["Initiated"] < started
                ]
        list(self._executor.map(lambda item: abort_upload(self._client, self._bucket, *item), leftovers))
        if leftovers:
            log.info("leftover_uploads_aborted", topic=where.topic, partition=where.partition, uploads=len(leftovers))
