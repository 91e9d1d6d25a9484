"""The task of the S3 sink."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pyarrow as pa

from tidegate.connectors.s3.client import s3_client, s3_errors
from tidegate.connectors.s3.data_file import DataFile
from tidegate.connectors.s3.envelope_columns import EnvelopeColumns
from tidegate.connectors.s3.grouping import Group, groups
from tidegate.connectors.s3.manifest import delete_object, write_manifest
from tidegate.connectors.s3.multipart import MultipartFile, complete_upload
from tidegate.connectors.s3.object_name import ObjectNames
from tidegate.connectors.s3.partition_writer import Commit, PartitionWriter
from tidegate.connectors.s3.partitioner import Partitioned, partitioner, record_times
from tidegate.connectors.s3.record_files import RecordFiles
from tidegate.connectors.s3.recovery import Recovery
from tidegate.connectors.s3.rotation import Rotation
from tidegate.connectors.s3.schema_gate import SchemaRefusedError, project
from tidegate.connectors.s3.spill_space import SpillSpace
from tidegate.connectors.s3.topic_schemas import TopicSchemas
from tidegate.connectors.s3.views import Views, schema_of, views_of
from tidegate.errors import RecordHaltedError, RetriableError, TidegateError
from tidegate.records.envelope import Batch, SinkOffset, TopicPartition
from tidegate.sdk.config_def import Config
from tidegate.sdk.sink import SinkContext, SinkTask

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_T = TypeVar("_T")
_R = TypeVar("_R")

FAIL = "fail"
WRITE = "write"
_TOMBSTONE = (
    "the value is null (a tombstone), which no file of values can hold: set behavior.on.null.values=ignore to pass "
    "over it, or write to keep its key"
)
_NO_KEY = "the key is null, and keys are kept in files of their own or instead of a null value: give records keys"
_REQUESTS_AT_ONCE = 8
_PARTS_AT_ONCE = 4


class S3SinkTask(SinkTask):
    """Writes topic partitions to files in two phases.

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
        self._on_null: str = config["behavior.on.null.values"]
        self._tombstones: str = config["tombstone.encoded.partition"]
        self._tagged: bool = config["s3.object.tagging"]
        self._views = Views.from_config(config)
        self._columns = EnvelopeColumns.from_config(config)
        self._rotation = Rotation.from_config(config)
        self._partitioner = partitioner(config)
        self._client = s3_client(config, connections=_REQUESTS_AT_ONCE + _PARTS_AT_ONCE + 2)
        self._uploads = ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="parts")
        self._executor = ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="s3")
        self._space = SpillSpace(config["spill.directory"], config["spill.bytes"])
        self._names = ObjectNames(
            config["topics.dir"],
            context.connector,
            delimiter=config["file.delim"],
            pad_width=config["filename.offset.zero.pad.width"],
        )
        self._schemas = TopicSchemas(self._client, self._bucket, self._names, config["schema.compatibility"])
        self._started_ms = self._server_time_ms()
        self._recovery = Recovery(
            self._client,
            self._bucket,
            self._names,
            self._executor,
            context.epoch,
            self._started_ms,
            tagged=self._tagged,
        )

    def open(self, committed: Mapping[TopicPartition, SinkOffset | None]) -> Mapping[TopicPartition, int]:
        for where, offset in committed.items():
            position = None if offset is None else offset.offset
            self._writers[where] = PartitionWriter(
                partial(self._open_files, where),
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
                whole = closing or pending or writer.scheduled(now_ms)
                offset = position if whole else writer.boundary(position)
                self._prepare(where, writer, offset)
                offsets[where] = SinkOffset(offset)
        return offsets

    def committed(self, offsets: Mapping[TopicPartition, SinkOffset]) -> None:
        for where, offset in offsets.items():
            writer = self._writers[where]
            commit = writer.prepared
            if commit is not None and commit.offset == offset.offset:
                self._run(partial(complete_upload, self._client, self._bucket, tagged=self._tagged), commit.files)
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
        self._space.close()
        self._client.close()

    def _examine(self, batch: Batch) -> tuple[dict[int, str], list[Group]]:
        """Rows that can not be written with the reason, and the others sorted by file."""
        null = batch.value.is_null().to_numpy(zero_copy_only=False)
        keyless = batch.key.is_null().to_numpy(zero_copy_only=False)
        halted = keyless & (null & (self._on_null == WRITE) | ~null & self._views.has_keys)
        faults = dict.fromkeys(np.flatnonzero(halted).tolist(), _NO_KEY)
        if self._on_null == FAIL:
            faults |= dict.fromkeys(np.flatnonzero(null).tolist(), _TOMBSTONE)
        groups_: list[Group] = []
        parts = [(~null & ~halted, self._sorted)]
        if self._on_null == WRITE:
            parts.append((null & ~halted, self._sorted_tombstones))
        for chosen, sort in parts:
            rows = np.flatnonzero(chosen)
            if len(rows):
                found, some = sort(batch if len(rows) == len(batch) else batch.take(pa.array(rows)))
                faults |= {int(rows[row]): why for row, why in found.items()}
                groups_ += some
        return faults, groups_

    def _sorted(self, batch: Batch) -> tuple[dict[int, str], list[Group]]:
        """The same for records whose values are not null."""
        kind = batch.value.type
        refusal = self._views.refusal(batch, kind) or self._columns.taken(kind)
        if refusal is not None:
            return dict.fromkeys(range(len(batch)), refusal), []
        value = self._columns.added(batch)
        if pa.types.is_struct(kind):
            try:
                value = project(value, self._schemas.admit(batch.topic, value.type))
            except SchemaRefusedError as error:
                return dict.fromkeys(range(len(batch)), error.reason), []
        return self._grouped(batch, value, self._partitioner.partition(batch))

    def _sorted_tombstones(self, batch: Batch) -> tuple[dict[int, str], list[Group]]:
        """The same for records that are keys only."""
        value = self._columns.alone(batch)
        refusal = self._views.refusal(batch, None if value is None else value.type)
        if refusal is not None:
            return dict.fromkeys(range(len(batch)), refusal), []
        return self._grouped(batch, value, Partitioned(pa.repeat(self._tombstones, len(batch)), {}))

    def _grouped(
        self, batch: Batch, value: pa.Array | None, partitioned: Partitioned
    ) -> tuple[dict[int, str], list[Group]]:
        formed = self._views.form(batch, value)
        faults = {**formed.faults, **partitioned.faults}
        times_ms = partitioned.times_ms
        if times_ms is None:
            times_ms = record_times(batch, int(time.time() * 1000))
        columns = [batch.records.column("partition"), batch.records.column("offset"), times_ms, partitioned.paths]
        rows = formed.rows
        if faults:
            kept = pa.array(np.setdiff1d(np.arange(len(batch)), list(faults)))
            rows, columns = rows.take(kept), [column.take(kept) for column in columns]
        return faults, list(groups(rows, *columns))

    def _open_files(self, where: TopicPartition, directory: str, offset: int, schema: pa.Schema) -> RecordFiles:
        return RecordFiles(
            schema, {view: self._open_file(where, directory, offset, schema, view) for view in views_of(schema)}
        )

    def _open_file(self, where: TopicPartition, directory: str, offset: int, schema: pa.Schema, view: str) -> DataFile:
        key = self._names.data(where, directory, offset, self._views.extension(view))
        upload = MultipartFile(self._client, self._bucket, key, self._part_size, self._uploads, self._space)
        return DataFile(upload, schema_of(schema, view), self._views.formats[view], self._rotation.file_bytes)

    def _prepare(self, where: TopicPartition, writer: PartitionWriter, offset: int) -> None:
        files = writer.seal(offset, lambda opened: self._run(RecordFiles.finish, opened))
        manifest = self._names.manifest(where, offset, self._context.epoch, self._started_ms)
        write_manifest(self._client, self._bucket, manifest, files)
        if writer.prepared is not None and writer.prepared.manifest != manifest:
            delete_object(self._client, self._bucket, writer.prepared.manifest)
        writer.set_prepared(Commit(offset, manifest, files))

    def _bound_memory(self) -> None:
        """Brings memory below its bound.

        Raises:
            RetriableError: S3 is away, so that nothing can be given back.
        """
        opened = [
            (file, directory, writer) for writer in self._writers.values() for directory, file in writer.open_files()
        ]
        fixed = sum(file.fixed_memory for file, _, _ in opened)
        if fixed + sum(writer.memory for writer in self._writers.values()) <= self._memory_limit:
            return
        for writer in self._writers.values():
            for sent in writer.files():
                sent.settle()
        held = sum(file.memory for file, _, _ in opened)
        opened.sort(key=lambda each: each[0].memory, reverse=True)
        # Down to half of what open files leave, so that the next rows do not ask for it again.
        for act in (RecordFiles.shrink, RecordFiles.spill):
            for file, _, _ in opened:
                if held <= max(0, self._memory_limit - fixed) // 2:
                    break
                before = file.memory
                act(file)
                file.settle()
                held -= before - file.memory
        opened.sort(key=lambda each: each[0].size, reverse=True)
        for file, directory, writer in opened:
            room = self._memory_limit - fixed
            if held <= room // 2 and room >= self._memory_limit // 4:
                break
            before, cost = file.memory, file.fixed_memory
            writer.close_file(directory)
            file.settle()
            held -= before - file.memory
            fixed -= cost

    def _run(self, function: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        assert self._executor is not None
        return list(self._executor.map(function, items))

    def _server_time_ms(self) -> int:
        with s3_errors(f"reach bucket {self._bucket}"):
            answer = self._client.head_bucket(Bucket=self._bucket)
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        return int(parsedate_to_datetime(date).timestamp() * 1000)
