"""From dead letters to records that the connector can take: as they are, or transformed and written anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from tidegate.converters.base import Converter
from tidegate.converters.consumed_runs import decode
from tidegate.converters.json import JsonConverter
from tidegate.converters.options import choice
from tidegate.converters.plugins import converter
from tidegate.converters.registry_converter import RegistryConverter
from tidegate.converters.subject_name import STRATEGIES, subject_name
from tidegate.dlq.conforming import conformed
from tidegate.dlq.expected import ExpectedSchemas
from tidegate.dlq.letter import DeadLetter
from tidegate.errors import FatalError
from tidegate.kafka.consumed import CONSUMED
from tidegate.kafka.outgoing import KafkaHeaders
from tidegate.records.envelope import HEADERS, SCHEMA_NAME, Batch
from tidegate.records.halted_headers import REPLAYS
from tidegate.records.wire_format import header
from tidegate.registry_client import RegistryClient
from tidegate.transforms.chain import TransformChain


@dataclass(frozen=True, slots=True)
class Repaired:
    """A record ready to be sent.

    Args:
        letter: what it was made of.
        topic: where to.
        partition: of that topic; -1 leaves it to the key.
        key: as it is written.
        value: as it is written.
        headers: its own, and how often it has been replayed.
    """

    letter: DeadLetter
    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: KafkaHeaders


@dataclass(frozen=True, slots=True)
class Unrepaired:
    """A letter that can not be sent, and why."""

    letter: DeadLetter
    reason: str


@dataclass(frozen=True, slots=True)
class Repairs:
    """What became of some letters.

    Args:
        records: in the order of their letters.
        dropped: letters that the transforms filtered out on purpose.
        failed: letters that stay as they are.
    """

    records: list[Repaired] = field(default_factory=list)
    dropped: list[DeadLetter] = field(default_factory=list)
    failed: list[Unrepaired] = field(default_factory=list)


class Repair:
    """Makes records of letters.

    A sink's letter is the record's bytes: without transforms it is sent as it is. A source's letter is its row as JSON:
    it is written with the connector's converters.

    Args:
        config: the connector's, or those keys of it that matter: converters and their keys.
        chain: transforms; empty to send letters as they are.
        registry: for converters with schemas.
        to: the topic to send to; None for the one each came from.
        version: version of the subject to write with; None for the nearest that has a place for every field.
    """

    def __init__(
        self,
        config: Mapping[str, str],
        chain: TransformChain,
        registry: RegistryClient,
        *,
        to: str | None = None,
        version: int | None = None,
    ) -> None:
        self._chain = chain
        self._to = to
        self._versions = ExpectedSchemas(registry, version)
        self._sides = {side: _Side(config, side, registry, self._versions) for side in ("key", "value")}
        self._rows = {side: _json(side) for side in ("key", "value")}

    def close(self) -> None:
        """Closes the transforms."""
        self._chain.close()

    def repair(self, letters: Sequence[DeadLetter]) -> Repairs:
        """Repairs letters in order.

        Raises:
            RetriableError: the registry is away.
        """
        repairs = Repairs()
        for some in _runs(letters):
            first = some[0]
            if not first.topic and self._to is None:
                repairs.failed.extend(
                    Unrepaired(each, "the queue does not say which topic it came from: name one with --to.")
                    for each in some
                )
            elif not self._chain and not first.is_row:
                repairs.records.extend(self._record(each, first.topic, each.key, each.value) for each in some)
            else:
                self._rewrite(some, repairs)
        return repairs

    def _rewrite(self, letters: Sequence[DeadLetter], repairs: Repairs) -> None:
        raw = _batch(letters)
        reads: Mapping[str, Converter] = (
            self._rows if letters[0].is_row else {name: side.converter for name, side in self._sides.items()}
        )
        for run in decode(raw, reads["key"], reads["value"]):
            if run.batch is None:
                why = run.fault.message if run.fault else "it can not be decoded"
                repairs.failed.extend(Unrepaired(letters[row], why) for row in run.rows)
                continue
            mine = [letters[row] for row in run.rows]
            before = run.batch
            transformed = self._chain.apply(before)
            kept: set[int] = set()
            for fault in transformed.faults:
                kept.add(fault.row)
                repairs.failed.append(Unrepaired(mine[fault.row], fault.message))
            for part in transformed.parts:
                rows = part.rows.tolist()
                kept.update(rows)
                of = [mine[row] for row in rows]
                self._write(part.batch, before.take(pa.array(rows, pa.int64())), of, repairs)
            repairs.dropped.extend(each for row, each in enumerate(mine) if row not in kept)

    def _write(self, batch: Batch, before: Batch, letters: Sequence[DeadLetter], repairs: Repairs) -> None:
        topic = self._to or batch.topic
        row = letters[0].is_row
        value = self._sides["value"].encode(topic, batch.value, batch.value_field, conform=row)
        if not row and batch.key_field.equals(before.key_field) and batch.key.equals(before.key):
            # Bytes that are the same shall go to the same partition, and need no schema.
            key = _Written([each.key for each in letters], {})
        else:
            key = self._sides["key"].encode(topic, batch.key, batch.key_field, conform=row)
        headers = batch.records.column("headers").to_pylist()
        for at, letter in enumerate(letters):
            why = key.faults.get(at) or value.faults.get(at)
            if why is not None:
                repairs.failed.append(Unrepaired(letter, why))
                continue
            own = [(each["key"], each["value"]) for each in headers[at] or ()]
            repairs.records.append(self._record(letter, batch.topic, key.data[at], value.data[at], own))

    def _record(
        self,
        letter: DeadLetter,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: KafkaHeaders | None = None,
    ) -> Repaired:
        to = self._to or topic
        partition = letter.origin_partition if to == letter.topic else None
        own = list(letter.own if headers is None else headers)
        own.append((REPLAYS, str(letter.replays + 1).encode()))
        return Repaired(letter, to, -1 if partition is None else partition, key, value, own)


@dataclass(frozen=True, slots=True)
class _Written:
    data: Sequence[bytes | None]
    faults: Mapping[int, str]


class _Side:
    """Writes the keys or the values."""

    def __init__(
        self, config: Mapping[str, str], side: str, registry: RegistryClient, versions: ExpectedSchemas
    ) -> None:
        prefix = f"{side}.converter"
        settings = {name[len(prefix) + 1 :]: text for name, text in config.items() if name.startswith(f"{prefix}.")}
        self._side = side
        self._versions = versions
        self._strategy = choice(settings, (f"{side}.subject.name.strategy", "subject.name.strategy"), STRATEGIES)
        self.converter = converter(config.get(prefix, "avro"), prefix)
        self.converter.configure(settings, is_key=side == "key", registry=registry)

    def encode(self, topic: str, column: pa.Array, field: pa.Field, *, conform: bool) -> _Written:
        if column.null_count == len(column):
            return _Written([None] * len(column), {})
        try:
            return self._encode(topic, column, field, conform)
        except (FatalError, pa.ArrowInvalid) as error:
            if len(column) == 1:
                return _Written([None], {0: f"The {self._side} can not be written: {error}"})
        # What is wrong with one record is not laid to its neighbours.
        middle = len(column) // 2
        first = self.encode(topic, column.slice(0, middle), field, conform=conform)
        second = self.encode(topic, column.slice(middle), field, conform=conform)
        faults = {**first.faults, **{row + middle: why for row, why in second.faults.items()}}
        return _Written([*first.data, *second.data], faults)

    def _encode(self, topic: str, column: pa.Array, field: pa.Field, conform: bool) -> _Written:
        writing = self.converter
        if not isinstance(writing, RegistryConverter):
            encoded = writing.encode(topic, column, field)
            return _Written(encoded.data.to_pylist(), {each.row: each.message for each in encoded.faults})
        record = writing.own_schema(topic, field).record if self._strategy != STRATEGIES[0] else ""
        subject = subject_name(self._strategy, topic, record, is_key=self._side == "key")
        named = (field.metadata or {}).get(SCHEMA_NAME, b"").decode()
        found = self._versions.holding(writing, subject, column.type, named)
        if conform and found.field is not None:
            column = conformed(column, found.field.type)
            field = field.with_type(column.type)
        written = writing.writer(found.registered.schema, field, topic).write(column, header(found.registered.id))
        return _Written(written.data.to_pylist(), {each.row: each.message for each in written.faults})


def _json(side: str) -> JsonConverter:
    reading = JsonConverter()
    reading.configure({"schemas.enable": "false"}, is_key=side == "key", registry=None)
    return reading


def _runs(letters: Iterable[DeadLetter]) -> Iterator[list[DeadLetter]]:
    """Letters that follow one another of one topic and kind."""
    run: list[DeadLetter] = []
    for letter in letters:
        if run and (letter.topic, letter.is_row) != (run[0].topic, run[0].is_row):
            yield run
            run = []
        run.append(letter)
    if run:
        yield run


def _batch(letters: Sequence[DeadLetter]) -> Batch:
    headers = [[{"key": name, "value": value} for name, value in each.own] or None for each in letters]
    records = pa.RecordBatch.from_arrays(
        [
            pa.array([each.key for each in letters], pa.binary()),
            pa.array([each.value for each in letters], pa.binary()),
            pa.array(headers, HEADERS),
            pa.array([each.timestamp for each in letters], pa.int64()).cast(CONSUMED.field("timestamp").type),
            pa.array([each.origin_partition or 0 for each in letters], pa.int32()),
            pa.array([each.origin_offset or 0 for each in letters], pa.int64()),
        ],
        schema=CONSUMED,
    )
    return Batch(letters[0].topic, records)
