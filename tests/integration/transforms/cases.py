"""Transforms with records, on which ours and Kafka Connect's are compared."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from tests.integration.transforms.connect_transforms import Step

DATA = "org.apache.kafka.connect.data"


def struct(*fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "struct", "optional": False, "fields": list(fields), **more}


def of(name: str, kind: str, /, *, optional: bool = True, **more: Any) -> dict[str, Any]:
    return {"field": name, "type": kind, "optional": optional, **more}


def decimal_field(name: str, scale: int) -> dict[str, Any]:
    parameters = {"scale": str(scale), "connect.decimal.precision": "20"}
    return of(name, "bytes", name=f"{DATA}.Decimal", version=1, parameters=parameters)


EVERYTHING = struct(
    of("tiny", "int8"),
    of("small", "int16"),
    of("id", "int32", optional=False),
    of("big", "int64"),
    of("ratio", "float"),
    of("amount", "double"),
    of("flag", "boolean"),
    of("text", "string"),
    of("raw", "bytes"),
    decimal_field("price", 2),
    of("day", "int32", name=f"{DATA}.Date", version=1),
    of("clock", "int32", name=f"{DATA}.Time", version=1),
    of("at", "int64", name=f"{DATA}.Timestamp", version=1),
    of("tags", "array", items={"type": "string", "optional": True}),
    of("counts", "map", keys={"type": "string", "optional": False}, values={"type": "int64", "optional": True}),
    {"field": "who", **struct(of("name", "string"), of("age", "int32", optional=False)), "optional": True},
    name="shop.Order",
)
BYTES = base64.b64encode(bytes([0, 255, 7])).decode()
FULL: dict[str, Any] = {
    "tiny": -5,
    "small": 300,
    "id": 70_000,
    "big": 1_700_000_000_123,
    "ratio": 1.5,
    "amount": -1234567.25,
    "flag": True,
    "text": "12",
    "raw": BYTES,
    "price": base64.b64encode((-1234).to_bytes(2, "big", signed=True)).decode(),
    "day": 19_000,
    "clock": 3_600_001,
    "at": 1_700_000_000_123,
    "tags": ["a", None, "b"],
    "counts": {"x": 1, "y": None},
    "who": {"name": "me", "age": 4},
}
EMPTY = dict.fromkeys(FULL) | {"id": 0}
EXTREME: dict[str, Any] = FULL | {
    "tiny": 127,
    "small": -32768,
    "id": -(2**31),
    "big": -(2**63),
    "ratio": 3.4e38,
    "amount": 1e300,
    "flag": False,
    "text": " -9.75e2 ",
    "price": base64.b64encode((2**40 + 77).to_bytes(6, "big", signed=True)).decode(),
    "tags": [],
    "counts": {},
    "who": {"name": None, "age": -1},
    "at": 1,
}
LOOSE: list[Any] = [
    {"a": 1, "b": "2", "c": 2.5, "d": True, "e": {"f": {"g": 1}, "h": [1, 2]}, "i": None},
    {"a": -7, "b": "x", "c": -0.125, "d": False, "e": {"f": {"g": 2}, "h": []}, "i": None},
]


def record(
    value: Any, schema: Any = EVERYTHING, *, key: Any = None, key_schema: Any = None, row: int = 0, **more: Any
) -> dict[str, Any]:
    return {
        "topic": "orders",
        "partition": 3,
        "offset": 100 + row,
        "timestamp": 1_700_000_000_123 + row,
        "key": None if key is None else {"schema": key_schema, "payload": key},
        "value": None if value is None else {"schema": schema, "payload": value},
        "headers": [],
        **more,
    }


def records(values: Sequence[Any], schema: Any = EVERYTHING, **more: Any) -> list[dict[str, Any]]:
    return [record(value, schema, row=row, **more) for row, value in enumerate(values)]


TYPED = records([FULL, EMPTY, EXTREME, None])
FREE = records([*LOOSE, None], None)
SCALARS = [
    records([5, -300, 2**31 - 1], {"type": "int32", "optional": False}),
    records([1.5, -1e20, 3.0e9, 0.5, 1e7], {"type": "double", "optional": False}),
    records(
        ["1", "+7", "300", "x", "", "1.5", "TRUE", "Infinity", "1e3f", "0x1p3"], {"type": "string", "optional": False}
    ),
    records([True, False], {"type": "boolean", "optional": False}),
    records([BYTES], {"type": "bytes", "optional": False}),
    records(["12", "x"], None),
    records([12, 40_000_000_000], None),
    records([[1, 2]], {"type": "array", "optional": False, "items": {"type": "int32", "optional": False}}),
]
SOURCE = records([FULL, EMPTY], offset=None)
HEADED = records([FULL, EMPTY], headers=[["trace", "abc"], ["trace", "def"], ["other", None]])
KEYED = records(
    [FULL], key={"k": 7, "name": "n"}, key_schema={**struct(of("k", "int32"), of("name", "string")), "optional": True}
)
TYPES = ("int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string")


def steps_of(type_: str, **config: str) -> list[Step]:
    return [Step(type_, {key.replace("_", "."): text for key, text in config.items()})]


CASES: dict[str, tuple[list[Step], list[dict[str, Any]]]] = {
    **{
        f"cast {name} to {kind}": (steps_of("Cast$Value", spec=f"{name}:{kind}"), TYPED)
        for name in FULL
        if name not in ("day", "at", "clock")
        for kind in TYPES
    },
    **{
        f"cast {name} to {kind}": (steps_of("Cast$Value", spec=f"{name}:{kind}"), TYPED)
        for name in ("day", "at", "clock")
        for kind in TYPES
        if kind != "string"
    },
    **{
        f"cast whole {number} to {kind}": (steps_of("Cast$Value", spec=kind), given)
        for number, given in enumerate(SCALARS)
        for kind in TYPES
    },
    "cast several": (steps_of("Cast$Value", spec="id:string, big:int32 ,nothing:int8"), TYPED),
    "cast free": (steps_of("Cast$Value", spec="a:string,b:int32,c:int64,d:string,nothing:int8"), FREE),
    "cast free map": (steps_of("Cast$Value", spec="e:string"), FREE),
    "cast key": (steps_of("Cast$Key", spec="k:string"), KEYED),
    "cast record as a whole": (steps_of("Cast$Value", spec="int8"), TYPED),
    "cast field of no record": (steps_of("Cast$Value", spec="a:int8"), SCALARS[0]),
    "drop headers": (steps_of("DropHeaders", headers="trace"), HEADED),
    "drop headers none": (steps_of("DropHeaders", headers="x,y"), TYPED),
    **{f"extract {name}": (steps_of("ExtractField$Value", field=name), records([FULL, EXTREME])) for name in FULL},
    "extract null": (steps_of("ExtractField$Value", field="text"), records([EMPTY])),
    "extract unknown": (steps_of("ExtractField$Value", field="nothing"), TYPED),
    "extract path": (steps_of("ExtractField$Value", field="who.name", field_syntax_version="V2"), TYPED),
    "extract quoted": (steps_of("ExtractField$Value", field="`who`.name", field_syntax_version="v2"), TYPED),
    "extract unknown path": (steps_of("ExtractField$Value", field="who.x", field_syntax_version="V2"), TYPED),
    "extract through text": (
        steps_of("ExtractField$Value", field="text.x", field_syntax_version="V2"),
        records([FULL]),
    ),
    "extract free": (steps_of("ExtractField$Value", field="b"), FREE),
    "extract free path": (steps_of("ExtractField$Value", field="e.f.g", field_syntax_version="V2"), FREE),
    "extract free unknown": (steps_of("ExtractField$Value", field="zz"), FREE),
    "extract free through number": (steps_of("ExtractField$Value", field="a.g", field_syntax_version="V2"), FREE),
    "extract key": (steps_of("ExtractField$Key", field="k"), KEYED),
    "extract of no record": (steps_of("ExtractField$Value", field="k"), SCALARS[0]),
    "filter": (steps_of("Filter"), TYPED),
    "filter tombstones": ([Step("Filter", {}, ("RecordIsTombstone", {}))], TYPED),
    "filter all but tombstones": ([Step("Filter", {}, ("RecordIsTombstone", {}), True)], TYPED),
    "filter by header": ([Step("Filter", {}, ("HasHeaderKey", {"name": "trace"}))], HEADED),
    "filter by other header": ([Step("Filter", {}, ("HasHeaderKey", {"name": "trac"}))], HEADED),
    "filter by topic": ([Step("Filter", {}, ("TopicNameMatches", {"pattern": "ord.*"}))], TYPED),
    "filter by part of topic": ([Step("Filter", {}, ("TopicNameMatches", {"pattern": "ord"}))], TYPED),
    "flatten map": (steps_of("Flatten$Value"), TYPED),
    "flatten": ([*steps_of("ReplaceField$Value", exclude="counts"), *steps_of("Flatten$Value")], TYPED),
    "flatten delimiter": (
        [*steps_of("ReplaceField$Value", include="who,id"), *steps_of("Flatten$Value", delimiter="_")],
        TYPED,
    ),
    "flatten duplicates": (
        [
            *steps_of("ReplaceField$Value", include="who,text", renames="text:who.name"),
            *steps_of("Flatten$Value"),
        ],
        TYPED,
    ),
    "flatten free": (steps_of("Flatten$Value"), FREE),
    "flatten of no record": (steps_of("Flatten$Value"), SCALARS[0]),
    "header copy": (
        steps_of(
            "HeaderFrom$Value",
            fields="id,text,who,tags,counts,flag,ratio,raw",
            headers="a,b,c,d,e,f,g,h",
            operation="copy",
        ),
        records([FULL, EMPTY, EXTREME]),
    ),
    "header move": (steps_of("HeaderFrom$Value", fields="id,text", headers="a,trace", operation="move"), HEADED),
    "header of tombstone": (steps_of("HeaderFrom$Value", fields="id", headers="a", operation="copy"), TYPED),
    "header unknown": (steps_of("HeaderFrom$Value", fields="zz", headers="a", operation="copy"), TYPED),
    "header free": (steps_of("HeaderFrom$Value", fields="a,zz", headers="a,b", operation="move"), FREE),
    "header key": (steps_of("HeaderFrom$Key", fields="name", headers="a", operation="move"), KEYED),
    "hoist": (steps_of("HoistField$Value", field="f"), records([FULL], {**EVERYTHING, "optional": True})),
    "hoist scalar": (steps_of("HoistField$Value", field="f"), records(["x"], {"type": "string", "optional": True})),
    "hoist free": (steps_of("HoistField$Value", field="f"), records(LOOSE, None)),
    "hoist key": (steps_of("HoistField$Key", field="f"), KEYED),
    "insert all": (
        steps_of(
            "InsertField$Value",
            topic_field="t",
            partition_field="p!",
            offset_field="o?",
            timestamp_field="s!",
            static_field="x",
            static_value="v",
        ),
        TYPED,
    ),
    "insert free": (
        steps_of(
            "InsertField$Value",
            topic_field="t",
            partition_field="p",
            timestamp_field="a",
            static_field="x",
            static_value="v",
        ),
        FREE,
    ),
    "insert existing": (steps_of("InsertField$Value", topic_field="id"), TYPED),
    "insert in source": (
        steps_of("InsertField$Value", topic_field="t", partition_field="p", timestamp_field="s"),
        SOURCE,
    ),
    "insert offset in source": (steps_of("InsertField$Value", offset_field="o"), SOURCE),
    "insert required partition in source": (steps_of("InsertField$Value", partition_field="p!"), SOURCE),
    "insert without timestamp": (steps_of("InsertField$Value", timestamp_field="s"), records([FULL], timestamp=None)),
    "insert required timestamp": (steps_of("InsertField$Value", timestamp_field="s!"), records([FULL], timestamp=None)),
    "insert free without timestamp": (
        steps_of("InsertField$Value", timestamp_field="s"),
        records(LOOSE, None, timestamp=None),
    ),
    "insert in key": (steps_of("InsertField$Key", static_field="x", static_value="v"), KEYED),
    "insert of no record": (steps_of("InsertField$Value", topic_field="t"), SCALARS[0]),
    **{
        f"insert header {text}": (steps_of("InsertHeader", header="h", value_literal=text), HEADED)
        for text in (
            *("v", "1", "+1", "-007", "300", "70000", "5000000000", "99999999999999999999", "1.0", "1.5", "0.5", "-.5"),
            *("3.141592653589793", "1e5", "1e-9", "1e39", "1e310", "true", "True", "null", "[1,2]", "[1, 300]", "[]"),
            *('["a","b"]', '{"a":1,"b":null}', '{"a":[1,2.5]}', '[1,"a"]', "{}", "[1", "[null]", "1-2", "2019-13-45"),
            *("2019-08-23", "12:34:56.789Z", "2019-08-23T12:34:56.789Z", '"quoted"', "a,b", "a:b", "127.0.0.1", "ä"),
        )
    },
    **{
        f"mask {name}": (steps_of("MaskField$Value", fields=name), records([FULL, EMPTY]))
        for name in FULL
        if name != "price"
    },
    **{
        f"mask {name} with {text}": (steps_of("MaskField$Value", fields=name, replacement=text), records([FULL, EMPTY]))
        for name in FULL
        for text in ("7", "-1.00", "300.9", "x", "1e2")
        if (name, text) not in [("price", "7"), ("price", "300.9"), ("price", "1e2")]
    },
    "mask tombstone": (steps_of("MaskField$Value", fields="id"), TYPED),
    "mask free": (steps_of("MaskField$Value", fields="a,b,c,d,e,i,zz"), FREE),
    "mask free with": (steps_of("MaskField$Value", fields="a,b,c", replacement="9"), FREE),
    "mask free flag with": (steps_of("MaskField$Value", fields="d", replacement="9"), FREE),
    "mask key": (steps_of("MaskField$Key", fields="name"), KEYED),
    **{
        f"regex {pattern} {replacement}": (steps_of("RegexRouter", regex=pattern, replacement=replacement), TYPED)
        for pattern, replacement in (
            ("(.*)ers", "$1-x"),
            ("ord", "x"),
            ("o(?<middle>.+)s", "${middle}$0"),
            ("(o)(.*)", "$21"),
            ("(?i)ORDERS", "a\\$b\\\\c"),
            ("[\\p{Alpha}]+", "word"),
            (".*", "x"),
            ("o*.*", "<$0>"),
        )
    },
    "replace exclude": (steps_of("ReplaceField$Value", exclude="id,who"), TYPED),
    "replace include": (steps_of("ReplaceField$Value", include="who,id", exclude="id"), TYPED),
    "replace renames": (steps_of("ReplaceField$Value", renames="id:text,text:id,who:person"), TYPED),
    "replace rename onto another": (steps_of("ReplaceField$Value", renames="id:text"), TYPED),
    "replace nothing left": (steps_of("ReplaceField$Value", include="zz"), TYPED),
    "replace free": (steps_of("ReplaceField$Value", exclude="a", renames="b:bb"), FREE),
    "replace key": (steps_of("ReplaceField$Key", renames="k:id"), KEYED),
    "replace of no record": (steps_of("ReplaceField$Value", exclude="a"), SCALARS[0]),
    "schema name": (steps_of("SetSchemaMetadata$Value", schema_name="a.B"), TYPED),
    "schema version": (steps_of("SetSchemaMetadata$Value", schema_version="7"), TYPED),
    "schema both in key": (steps_of("SetSchemaMetadata$Key", schema_name="a.B", schema_version="7"), KEYED),
    "schema free": (steps_of("SetSchemaMetadata$Value", schema_name="a.B"), FREE),
    **{
        f"timestamp {name} to {target} {precision}": (
            steps_of(
                "TimestampConverter$Value",
                field=name,
                target_type=target,
                format="yyyy-MM-dd'T'HH:mm:ss.SSS",
                unix_precision=precision,
            ),
            records([FULL, EMPTY]),
        )
        for name in ("day", "clock", "at", "big", "id", "text", "zz")
        for target in ("string", "unix", "Date", "Time", "Timestamp")
        for precision in ("seconds", "milliseconds", "microseconds", "nanoseconds")
        if not (name == "big" and target == "Date" and precision == "seconds")
    },
    "timestamp free": (steps_of("TimestampConverter$Value", field="a", target_type="string", format="yyyy"), FREE),
    "timestamp free missing": (steps_of("TimestampConverter$Value", field="zz", target_type="unix"), FREE),
    "timestamp free bad": (steps_of("TimestampConverter$Value", field="c", target_type="unix"), FREE),
    "timestamp whole": (
        steps_of("TimestampConverter$Value", target_type="Timestamp"),
        records([5, -5], {"type": "int64", "optional": False}),
    ),
    "timestamp text": (
        steps_of("TimestampConverter$Value", target_type="unix", format="dd/MM/yyyy HH:mm"),
        records(
            ["1/2/2020 3:04", "32/13/2020 25:61 and more", "x", "-1/2/2020 0:0", " 1/ 2/ 2020 3:4", "1/2/2020"],
            {"type": "string", "optional": False},
        ),
    ),
    "timestamp text without format": (
        steps_of("TimestampConverter$Value", target_type="unix"),
        records(["2020"], {"type": "string", "optional": False}),
    ),
    "timestamp of no record": (steps_of("TimestampConverter$Value", field="x", target_type="unix"), SCALARS[0]),
    "timestamp key": (steps_of("TimestampConverter$Key", field="k", target_type="unix"), KEYED),
    "route by time": (steps_of("TimestampRouter"), TYPED),
    "route by hour": (
        steps_of("TimestampRouter", topic_format="${timestamp}/${topic}", timestamp_format="yyyy-'Q'-HH-S"),
        TYPED,
    ),
    "route without time": (steps_of("TimestampRouter"), records([FULL], timestamp=None)),
    "key": (steps_of("ValueToKey", fields="id,who"), TYPED),
    "key unknown": (steps_of("ValueToKey", fields="id,zz"), TYPED),
    "key free": (steps_of("ValueToKey", fields="a,zz"), FREE),
    "key then extract": (
        [*steps_of("ValueToKey", fields="id"), *steps_of("ExtractField$Key", field="id")],
        records([FULL]),
    ),
    "chain": (
        [
            *steps_of("InsertField$Value", static_field="source", static_value="shop"),
            Step("Cast$Value", {"spec": "id:string"}, ("RecordIsTombstone", {}), True),
            *steps_of("RegexRouter", regex="(.*)", replacement="copy-$1"),
            *steps_of("InsertHeader", header="by", value_literal="chain"),
        ],
        TYPED,
    ),
}


UNWRAP = "io.debezium.transforms.ExtractNewRecordState"
ROW = struct(of("id", "int32", optional=False), of("name", "string"), of("place", "string"), name="db.public.t.Value")
EVENT = struct(
    {**ROW, "field": "before", "optional": True},
    {**ROW, "field": "after", "optional": True},
    {
        **struct(of("db", "string"), of("table", "string"), of("lsn", "int64"), name="io.debezium.Source"),
        "field": "source",
    },
    of("op", "string", optional=False),
    of("ts_ms", "int64"),
    name="db.public.t.Envelope",
)


def event(op: str, before: int | None, after: int | None) -> dict[str, Any]:
    rows = [
        None if number is None else {"id": number, "name": f"n{number}", "place": f"p{number % 2}"}
        for number in (before, after)
    ]
    source = {"db": "d", "table": "t", "lsn": 5}
    return {"before": rows[0], "after": rows[1], "source": source, "op": op, "ts_ms": 1_700_000_000_000}


EVENTS = records([event("c", None, 1), event("u", 1, 2), event("d", 2, None), None, event("r", None, 3)], EVENT)
MODES = ("tombstone", "drop", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone")
CASES |= {
    **{f"unwrap {mode}": (steps_of(UNWRAP, delete_tombstone_handling_mode=mode), EVENTS) for mode in MODES},
    "unwrap by default": (steps_of(UNWRAP), EVENTS),
    **{
        f"unwrap with fields {mode}": (
            steps_of(
                UNWRAP,
                delete_tombstone_handling_mode=mode,
                add_fields="op,table,source.lsn,ts_ms:at,source.db:database",
                add_headers="op,db",
            ),
            EVENTS,
        )
        for mode in MODES
    },
    "unwrap with prefixes": (
        steps_of(UNWRAP, add_fields="op", add_headers="op", add_fields_prefix="", add_headers_prefix="h."),
        EVENTS,
    ),
    "unwrap with unknown field": (steps_of(UNWRAP, add_fields="nothing"), EVENTS),
    **{
        f"unwrap routed {mode}": (steps_of(UNWRAP, route_by_field="place", delete_tombstone_handling_mode=mode), EVENTS)
        for mode in MODES
    },
    "unwrap routed by unknown field": (steps_of(UNWRAP, route_by_field="zz"), EVENTS),
    "unwrap routed by number": (steps_of(UNWRAP, route_by_field="id"), EVENTS),
    "unwrap truncate": (steps_of(UNWRAP), records([event("t", None, None)], EVENT)),
    "unwrap no event": (steps_of(UNWRAP), TYPED),
}
