"""The task of the S3 sink."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.s3.client import s3_client, s3_errors
from tidegate.connectors.s3.grouping import Group, groups
from tidegate.connectors.s3.manifest import delete_object, write_manifest
from tidegate.connectors.s3.multipart import MultipartFile, complete_upload
from tidegate.connectors.s3.object_name import ObjectNames
from tidegate.connectors.s3.parquet_file import ParquetFile
from tidegate.connectors.s3.partition_writer import Commit, PartitionWriter
from tidegate.connectors.s3.partitioner import partitioner
from tidegate.connectors.s3.recovery import Recovery
from tidegate.connectors.s3.rotation import Rotation
from tidegate.connectors.s3.schema_gate import SchemaRefusedError, project
from tidegate.connectors.s3.topic_schemas import TopicSchemas
from tidegate.errors import RecordHaltedError, RetriableError, TidegateError
from tidegate.records.envelope import Batch, SinkOffset, TopicPartition
from tidegate.sdk.config_def import Config
from tidegate.sdk.sink import SinkContext, SinkTask

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_T = TypeVar("_T")
_R = TypeVar("_R")

_REQUESTS_AT_ONCE = 8
_PARTS_AT_ONCE = 4
_ARROW_CODECS = {"none": "none", "uncompressed": "none"}


class S3SinkTask(SinkTask):
    """Writes topic partitions to Parquet files in two phases.

    ``put`` writes rows into multipart uploads, whose parts are sent meanwhile. ``pre_commit`` sends the rest of those
    that are due and a manifest named by the offset that will be committed. ``committed`` completes the uploads, which
    makes the files visible, and empties the manifest. ``open`` does the same for a holder that died in between.
    """

    _client: S3Client
    _executor: ThreadPoolExecutor | None = None
    _uploads: ThreadPoolExecutor

    def start(self, config: Config, context: SinkContext) -> None:
        self._context = context
        self._writers: dict[TopicPartition, PartitionWriter] = {}
        self._bucket: str = config["s3.bucket.name"]
        self._part_size: int = config["s3.part.size"]
        self._memory_limit: int = config["buffer.memory.bytes"]
        self._row_group_bytes: int = config["parquet.row.group.bytes"]
        self._ignore_nulls: bool = config["behavior.on.null.values"] == "ignore"
        self._codec = _ARROW_CODECS.get(config["parquet.codec"], config["parquet.codec"])
        self._rotation = Rotation.from_config(config)
        self._partitioner = partitioner(config)
        self._client = s3_client(config, connections=_REQUESTS_AT_ONCE + _PARTS_AT_ONCE + 2)
        self._uploads = ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="parts")
        self._executor = ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="s3")
        self._names = ObjectNames(config["topics.dir"], context.connector, config["parquet.codec"])
        self._schemas = TopicSchemas(self._client, self._bucket, self._names, config["schema.compatibility"])
        self._started_ms = self._server_time_ms()
        self._recovery = Recovery(
            self._client, self._bucket, self._names, self._executor, context.epoch, self._started_ms
        )

    def open(self, committed: Mapping[TopicPartition, SinkOffset | None]) -> Mapping[TopicPartition, int]:
        for where, offset in committed.items():
            position = None if offset is None else offset.offset
            self._writers[where] = PartitionWriter(
                partial(self._open_file, where),
                self._rotation,
                -1 if position is None else position,
                self._recovery.recover(where, position),
            )
        return {}

    def put(self, batch: Batch) -> None:
        self._bound_memory()
        faults, groups_ = self._examine(batch)
        for row in sorted(faults):
            try:
                self._context.report(batch, row, faults[row])
            except RecordHaltedError:
                # What comes before the halted record still has to be committed.
                self.put(batch.slice(0, row))
                raise
        now_ms = int(time.time() * 1000)
        for group in groups_:
            self._writers[TopicPartition(batch.original_topic, group.partition)].append(
                f"{batch.topic}/{group.directory}", group.rows, group.offsets, group.times_ms, now_ms
            )
        # Should S3 be away, the next call says so.
        with suppress(RetriableError):
            self._bound_memory()

    def commit_due(self) -> bool:
        now_ms = int(time.time() * 1000)
        return any(writer.due(now_ms) for writer in self._writers.values())

    def pre_commit(
        self, positions: Mapping[TopicPartition, int], *, closing: bool = False
    ) -> Mapping[TopicPartition, SinkOffset]:
        now_ms = int(time.time() * 1000)
        offsets: dict[TopicPartition, SinkOffset] = {}
        for where, position in positions.items():
            writer = self._writers[where]
            moved = position > writer.position
            pending = writer.prepared is not None
            if moved and (closing or pending or writer.empty or writer.due(now_ms)):
                self._prepare(where, writer, position)
                offsets[where] = SinkOffset(position)
        return offsets

    def committed(self, offsets: Mapping[TopicPartition, SinkOffset]) -> None:
        for where, offset in offsets.items():
            writer = self._writers[where]
            commit = writer.prepared
            if commit is not None and commit.offset == offset.offset:
                self._run(lambda file: complete_upload(self._client, self._bucket, file), commit.files)
                if commit.files:
                    write_manifest(self._client, self._bucket, commit.manifest, ())
                if writer.manifest is not None:
                    delete_object(self._client, self._bucket, writer.manifest)
                writer.set_committed()

    def stop(self) -> None:
        if self._executor is None:
            return
        with suppress(TidegateError):
            for writer in self._writers.values():
                for file in writer.files():
                    file.abort()
        for executor in (self._executor, self._uploads):
            executor.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _examine(self, batch: Batch) -> tuple[dict[int, str], Sequence[Group]]:
        """Rows that can not be written with the reason, and the others sorted by file."""
        if not len(batch):
            return {}, ()
        if not pa.types.is_struct(batch.value.type) and batch.value.null_count < len(batch):
            why = f"the value is {batch.value.type}, not a record: Parquet needs one; use a converter with schemas"
            return dict.fromkeys(range(len(batch)), why), ()
        faults: dict[int, str] = {}
        sound = batch.value.is_valid()
        if batch.value.null_count:
            nulls = pc.indices_nonzero(batch.value.is_null()).to_pylist()
            if not self._ignore_nulls:
                why = "the value is null (a tombstone), which no file can hold: set behavior.on.null.values=ignore"
                faults = dict.fromkeys(nulls, why)
            if len(nulls) == len(batch):
                return faults, ()
        try:
            schema = self._schemas.admit(batch.topic, batch.value.type)
        except SchemaRefusedError as error:
            return dict.fromkeys(pc.indices_nonzero(sound).to_pylist(), error.reason) | faults, ()
        partitioned = self._partitioner.partition(batch)
        faults.update({row: why for row, why in partitioned.faults.items() if sound[row].as_py()})
        keep = pc.and_(sound, partitioned.paths.is_valid())
        return faults, groups(batch, partitioned.paths, keep, lambda value: project(value, schema))

    def _open_file(self, where: TopicPartition, directory: str, offset: int, schema: pa.Schema) -> ParquetFile:
        key = self._names.data(where, directory, offset)
        upload = MultipartFile(self._client, self._bucket, key, self._part_size, self._uploads)
        return ParquetFile(upload, schema, self._codec, self._row_group_bytes, self._rotation.file_bytes)

    def _prepare(self, where: TopicPartition, writer: PartitionWriter, position: int) -> None:
        files = writer.seal(lambda opened: self._run(ParquetFile.finish, opened))
        manifest = self._names.manifest(where, position, self._context.epoch, self._started_ms)
        write_manifest(self._client, self._bucket, manifest, files)
        if writer.prepared is not None and writer.prepared.manifest != manifest:
            delete_object(self._client, self._bucket, writer.prepared.manifest)
        writer.set_prepared(Commit(position, manifest, files))

    def _bound_memory(self) -> None:
        """Brings memory below its bound.

        Raises:
            RetriableError: S3 is away, so that nothing can be given back.
        """
        if sum(writer.memory for writer in self._writers.values()) <= self._memory_limit:
            return
        opened = [
            (file, directory, writer) for writer in self._writers.values() for directory, file in writer.open_files()
        ]
        opened.sort(key=lambda each: each[0].memory, reverse=True)
        for writer in self._writers.values():
            for sent in writer.files():
                sent.settle()
        held = sum(file.memory for file, _, _ in opened)
        # Down to half, so that the next rows do not ask for it again.
        for act in (_shrink, _close):
            for file, directory, writer in opened:
                if held <= self._memory_limit // 2:
                    return
                before = file.memory
                act(file, directory, writer)
                file.settle()
                held -= before - file.memory

    def _run(self, function: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        assert self._executor is not None
        return list(self._executor.map(function, items))

    def _server_time_ms(self) -> int:
        with s3_errors(f"reach bucket {self._bucket}"):
            answer = self._client.head_bucket(Bucket=self._bucket)
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        return int(parsedate_to_datetime(date).timestamp() * 1000)


def _shrink(file: ParquetFile, _directory: str, _writer: PartitionWriter) -> None:
    file.shrink()


def _close(_file: ParquetFile, directory: str, writer: PartitionWriter) -> None:
    writer.close_file(directory)
