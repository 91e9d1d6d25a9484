"""Partitioners: into which directory a record goes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import time
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.s3.path_format import PathFormat
from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import Config

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
"""What Hive, Spark and Arrow read as null in a path."""

_TIME_BASED = "io.confluent.connect.storage.partitioner.TimeBasedPartitioner"
EXTRACTORS = {name: name for name in ("Wallclock", "Record", "RecordField")} | {
    f"{_TIME_BASED}${name}TimestampExtractor": name for name in ("Wallclock", "Record", "RecordField")
}
"""Values of ``timestamp.extractor``, ours and Confluent's classes, and what they mean."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CACHED_PATHS = 10_000
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Partitioned:
    """Directories of a batch's records.

    Args:
        paths: n strings (dictionary-encoded or plain); null for records in ``faults``.
        faults: row to the reason it has no directory.
        times_ms: n times, int64 milliseconds since 1970, that ``rotate.interval.ms`` is counted by; null for records in
            ``faults``. None if the partitioner knows no other than the Kafka timestamp.
    """

    paths: pa.Array
    faults: Mapping[int, str]
    times_ms: pa.Array | None = None


class Partitioner(ABC):
    """Gives each record its directory below ``<topics.dir>/<topic>/``."""

    @abstractmethod
    def partition(self, batch: Batch) -> Partitioned:
        """Directories of the records of a batch with columns ``partition``, ``timestamp`` and a struct ``value``."""


class DefaultPartitioner(Partitioner):
    """``partition=<Kafka partition>``."""

    def partition(self, batch: Batch) -> Partitioned:
        numbers = batch.records.column("partition").cast(pa.string())
        return Partitioned(pc.binary_join_element_wise("partition=", numbers, ""), {})


class FieldPartitioner(Partitioner):
    """``<field>=<value>`` for each of some fields, which stay in the file as well.

    Args:
        names: fields; a dot leads into a nested record.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def partition(self, batch: Batch) -> Partitioned:
        parts = []
        for name in self._names:
            try:
                column = field_column(batch.value, name)
                parts.append(_directories(name, column))
            except ValueError as error:
                return _nowhere(batch, f"partition.field.name: {error}")
        return Partitioned(parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, "/"), {})


class TimePartitioner(Partitioner):
    """A path made of the record's time.

    Args:
        path_format: of the directory.
        duration_ms: times are rounded down to multiples of this, in local time.
        zone: time zone of the path.
        extractor: ``Wallclock``, ``Record`` (the Kafka timestamp) or ``RecordField``.
        field: name of the field for ``RecordField``.
    """

    def __init__(self, path_format: PathFormat, duration_ms: int, zone: ZoneInfo, extractor: str, field: str) -> None:
        self._format = path_format
        self._duration = duration_ms
        self._zone = zone
        self._extractor = extractor
        self._field = field
        # Offsets of all time zones in use are whole minutes, so times within one share their path.
        coarse = duration_ms % _MINUTE_MS == 0 or not path_format.seconds
        self._grain = _MINUTE_MS if coarse else 1
        self._known: dict[int, str] = {}

    def partition(self, batch: Batch) -> Partitioned:
        try:
            times = self._times(batch)
        except ValueError as error:
            return _nowhere(batch, f"timestamp.field: {error}")
        grains = pc.divide(times, self._grain).dictionary_encode()
        paths = pa.array([self._path(grain * self._grain) for grain in grains.dictionary.to_pylist()], pa.string())
        faults: dict[int, str] = {}
        if times.null_count:
            why = f"field {self._field!r} (timestamp.field) is null, so the record has no time to be filed under"
            faults = dict.fromkeys(pc.indices_nonzero(pc.is_null(times)).to_pylist(), why)
        return Partitioned(paths.take(grains.indices), faults, times)

    def _times(self, batch: Batch) -> pa.Array:
        now = int(time() * 1000)
        if self._extractor == "Wallclock":
            return pa.repeat(pa.scalar(now, pa.int64()), len(batch))
        if self._extractor == "Record":
            return record_times(batch, now)
        return epoch_millis(field_column(batch.value, self._field), self._field)

    def _path(self, millis: int) -> str:
        path = self._known.get(millis)
        if path is None:
            if len(self._known) >= _CACHED_PATHS:
                self._known.clear()
            moment = (_EPOCH + timedelta(milliseconds=millis)).astimezone(self._zone)
            local = moment.replace(tzinfo=UTC)
            since = (local - _EPOCH) // timedelta(milliseconds=1)
            local = _EPOCH + timedelta(milliseconds=since - since % self._duration)
            path = self._known[millis] = self._format.format(local)
        return path


def record_times(batch: Batch, now_ms: int) -> pa.Array:
    """The Kafka timestamps of n records, int64 milliseconds since 1970; the wall clock's where a record has none."""
    return pc.fill_null(batch.records.column("timestamp").cast(pa.int64()), now_ms)


def partitioner(config: Config) -> Partitioner:
    """The partitioner a configuration asks for."""
    kind = str(config["partitioner.class"]).rpartition(".")[2].lower().removesuffix("partitioner").replace("based", "")
    if kind == "default":
        return DefaultPartitioner()
    if kind == "field":
        return FieldPartitioner(config["partition.field.name"])
    pattern = {"daily": "'year'=YYYY/'month'=MM/'day'=dd", "hourly": "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH"}.get(
        kind, config["path.format"]
    )
    duration = {"daily": 86_400_000, "hourly": 3_600_000}.get(kind, config["partition.duration.ms"])
    return TimePartitioner(
        PathFormat(pattern, config["locale"]),
        duration,
        ZoneInfo(config["timezone"]),
        EXTRACTORS[config["timestamp.extractor"]],
        config["timestamp.field"],
    )


def field_column(value: pa.StructArray, path: str) -> pa.Array:
    """A field of a struct column, nested ones by dots.

    Raises:
        ValueError: there is no such field.
    """
    column: pa.Array = value
    if column.type.get_field_index(path) >= 0:
        return pc.struct_field(column, path)
    for name in path.split("."):
        if not pa.types.is_struct(column.type) or column.type.get_field_index(name) < 0:
            raise ValueError(f"the record has no field {path!r}")
        column = pc.struct_field(column, name)
    return column


def epoch_millis(column: pa.Array, name: str) -> pa.Array:
    """A column of times as int64 milliseconds since 1970 UTC; int64 is taken as that already.

    Raises:
        ValueError: the column is not one of times.
    """
    type_ = column.type
    if pa.types.is_integer(type_):
        return column.cast(pa.int64())
    if pa.types.is_timestamp(type_):
        return column.cast(pa.timestamp("ms", type_.tz), safe=False).cast(pa.int64())
    if pa.types.is_date(type_):
        return column.cast(pa.timestamp("ms")).cast(pa.int64())
    if pa.types.is_string(type_):
        codes = column.dictionary_encode()
        try:
            distinct = [_parse_time(text) for text in codes.dictionary.to_pylist()]
        except ValueError as error:
            raise ValueError(f"field {name!r} holds text that is not an ISO 8601 time ({error})") from None
        return pa.array(distinct, pa.int64()).take(codes.indices)
    raise ValueError(f"field {name!r} is {type_}, not a timestamp, a date, milliseconds or ISO 8601 text")


def _parse_time(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _directories(name: str, column: pa.Array) -> pa.Array:
    type_ = column.type
    if pa.types.is_dictionary(type_):
        column, type_ = column.dictionary_decode(), type_.value_type
    if pa.types.is_nested(type_) or pa.types.is_floating(type_) or pa.types.is_binary(type_):
        raise ValueError(f"field {name!r} is {type_}, which makes no directory: use text, integers, dates or booleans")
    codes = column.dictionary_encode()
    texts = [f"{name}={quote(_text(value), safe=' +,;@!()~.-_:')}" for value in codes.dictionary.to_pylist()]
    return pc.fill_null(pa.array(texts, pa.string()).take(codes.indices), f"{name}={HIVE_NULL}")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return HIVE_NULL if value == "" else str(value)


def _nowhere(batch: Batch, reason: str) -> Partitioned:
    return Partitioned(pa.nulls(len(batch), pa.string()), dict.fromkeys(range(len(batch)), reason))
