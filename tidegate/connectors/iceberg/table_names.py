"""Table names: which tables the records of a batch go to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records.envelope import Batch
from tidegate.sdk.config_def import Config

TOPIC = "{topic}"

TableName = tuple[str, ...]
"""Namespace and name of a table."""

_TABLE_OPTIONS = ("id-columns", "partition-by", "route-regex")


@dataclass(frozen=True, slots=True)
class Routed:
    """Where the rows of a batch go.

    Args:
        rows: table to the row numbers, ascending, that go there.
        faults: row to the reason why it goes nowhere though it should.
    """

    rows: dict[TableName, pa.Array]
    faults: dict[int, str]


class TableRouter:
    """Routes by configuration.

    Args:
        config: the sink's.
    """

    def __init__(self, config: Config) -> None:
        self._tables: list[str] = config["iceberg.tables"]
        self._field: str | None = config["iceberg.tables.route-field"] or None
        self._dynamic: bool = config["iceberg.tables.dynamic-enabled"]
        options = table_options(config)
        self._patterns = {table: options.get(table, {}).get("route-regex") for table in self._tables}

    def route(self, batch: Batch) -> Routed:
        """Sorts rows by table; a row may go to several or to none."""
        count = len(batch)
        everything = pa.array(range(count), pa.int64())
        if self._field is None:
            return Routed({table_name(table, batch.topic): everything for table in self._tables}, {})
        values = _field(batch, self._field.split("."))
        if self._dynamic:
            return _by_value(values)
        rows = {}
        for table, pattern in self._patterns.items():
            if pattern is None:
                continue
            matched = pc.fill_null(pc.match_substring_regex(values, f"^(?:{pattern})$"), False)
            rows[table_name(table, batch.topic)] = pc.indices_nonzero(matched).cast(pa.int64())
        return Routed({table: found for table, found in rows.items() if len(found)}, {})


def table_name(text: str, topic: str) -> TableName:
    """The table that a text names for a topic."""
    return tuple(text.replace(TOPIC, topic.replace(".", "_")).split("."))


def table_options(config: Config) -> dict[str, dict[str, str]]:
    """Table to its own options ``iceberg.table.<table>.<option>``."""
    found: dict[str, dict[str, str]] = {}
    for key, value in config.with_prefix("iceberg.table.").items():
        table, _, option = key.rpartition(".")
        found.setdefault(table, {})[option] = value
    return found


def option_problems(config: Config) -> Iterator[tuple[str, str]]:
    """Keys ``iceberg.table.*`` that say nothing, each with the problem."""
    for table, options in table_options(config).items():
        for option, value in options.items():
            key = f"iceberg.table.{table}.{option}"
            if option not in _TABLE_OPTIONS or "." not in table:
                yield key, f"is not known: use iceberg.table.<namespace>.<table>.{{{','.join(_TABLE_OPTIONS)}}}"
            elif option == "route-regex":
                try:
                    re.compile(value)
                except re.error as error:
                    yield key, f"{value!r} is no regular expression: {error}"


def _field(batch: Batch, path: list[str]) -> pa.Array:
    array = batch.value
    for name in path:
        index = array.type.get_field_index(name) if pa.types.is_struct(array.type) else -1
        if index < 0:
            return pa.nulls(len(batch), pa.string())
        array = pc.struct_field(array, [index])
    try:
        return array.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(len(batch), pa.string())


def _by_value(values: pa.Array) -> Routed:
    encoded = values.dictionary_encode(null_encoding="encode")
    rows: dict[TableName, list[pa.Array]] = {}
    faults: dict[int, str] = {}
    for code, value in enumerate(encoded.dictionary.to_pylist()):
        found = pc.indices_nonzero(pc.equal(encoded.indices, code)).cast(pa.int64())
        parts = tuple((value or "").lower().split("."))
        if value is None or len(parts) < 2 or not all(parts):
            why = f"the route field is {value!r}, not a namespace and a table such as db.orders"
            faults.update(dict.fromkeys(found.to_pylist(), why))
        else:
            rows.setdefault(parts, []).append(found)
    merged = {name: pa.concat_arrays(each) for name, each in rows.items()}
    return Routed({name: each.take(pc.array_sort_indices(each)) for name, each in merged.items()}, faults)
