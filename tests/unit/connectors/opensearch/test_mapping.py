from __future__ import annotations

import pyarrow as pa
import pytest

from tidegate.connectors.opensearch.mapping import missing, properties


@pytest.mark.parametrize(
    ("kind", "mapping"),
    [
        (pa.bool_(), {"type": "boolean"}),
        (pa.int32(), {"type": "integer"}),
        (pa.uint32(), {"type": "long"}),
        (pa.float32(), {"type": "float"}),
        (pa.decimal128(10, 2), {"type": "double"}),
        (pa.date32(), {"type": "date"}),
        (pa.timestamp("us", "UTC"), {"type": "date"}),
        (pa.time64("us"), {"type": "keyword"}),
        (pa.binary(), {"type": "binary"}),
        (pa.string(), {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}),
        (pa.list_(pa.int64()), {"type": "long"}),
        (pa.struct([("a", pa.int8())]), {"properties": {"a": {"type": "byte"}}}),
        (pa.list_(pa.struct([("a", pa.int8())])), {"properties": {"a": {"type": "byte"}}}),
        (pa.map_(pa.string(), pa.int8()), {"type": "object"}),
        (pa.map_(pa.int8(), pa.int8()), {"properties": {"key": {"type": "byte"}, "value": {"type": "byte"}}}),
        (pa.dictionary(pa.int8(), pa.int64()), {"type": "long"}),
    ],
)
def test_types(kind: pa.DataType, mapping: object) -> None:
    assert properties(pa.struct([("f", kind)])) == {"f": mapping}


def test_a_field_without_a_type_is_left_to_the_node() -> None:
    assert properties(pa.struct([("f", pa.null())])) == {}


def test_only_what_is_missing_is_added_at_any_depth() -> None:
    wanted = properties(
        pa.struct([("a", pa.int64()), ("b", pa.int8()), ("c", pa.struct([("x", pa.int8()), ("y", pa.int8())]))])
    )
    existing = {"a": {"type": "keyword"}, "c": {"properties": {"x": {"type": "byte"}}}}
    assert missing(wanted, existing) == {"b": {"type": "byte"}, "c": {"properties": {"y": {"type": "byte"}}}}
