"""Which tables and columns are captured, what keys and topics they have, and what is masked."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest

from tidegate.connectors.cdc.filters import CaptureFilter, Choice
from tidegate.connectors.cdc.masking import ColumnMasks, mask_problems
from tidegate.connectors.cdc.message_keys import MessageKeys, message_keys_problem
from tidegate.connectors.cdc.name_adjustment import adjuster
from tidegate.connectors.cdc.name_patterns import patterns_problem
from tidegate.connectors.cdc.table_id import TableId
from tidegate.connectors.cdc.topic_names import TopicNames


@pytest.mark.parametrize(
    ("mode", "name", "adjusted"),
    [
        ("none", "my shop.1", "my shop.1"),
        ("avro", "my-shop", "my_shop"),
        ("avro", "1st", "_1st"),
        ("avro", "a.b", "a_b"),
        ("avro_unicode", "a_b-c", "a_u005fb_u002dc"),
        ("avro_unicode", "1é", "_u0031_u00e9"),
    ],
)
def test_names_that_avro_allows(mode: str, name: str, adjusted: str) -> None:
    assert adjuster(mode, dots=False)(name) == adjusted
    assert adjuster(mode, dots=True)("shop.public.orders") == "shop.public.orders"


ORDERS = TableId("public", "orders")


@pytest.mark.parametrize(
    ("include", "exclude", "name", "captured"),
    [
        ("", "", "public.orders", True),
        ("public.orders", "", "public.orders", True),
        ("public.orders", "", "public.orders_old", False),
        ("public\\.(orders|lines)", "", "public.LINES", True),
        ("public.a{1\\,2}", "", "public.aa", True),
        ("other.*, public.*", "", "public.orders", True),
        ("", ".*\\.secret", "public.secret", False),
        ("", ".*\\.secret", "public.secrets", True),
    ],
)
def test_a_name_is_matched_as_a_whole(include: str, exclude: str, name: str, captured: bool) -> None:
    assert (name in Choice(include, exclude)) is captured


def test_schemas_of_the_server_are_never_captured() -> None:
    chosen = CaptureFilter(Choice(), Choice(".*"), Choice("", ".*\\.password"), builtin=("pg_catalog",))
    assert not chosen.table(TableId("pg_catalog", "pg_class"))
    assert chosen.table(ORDERS)
    assert [name for name in ("id", "password") if chosen.column(ORDERS, name)] == ["id"]


def test_a_bad_pattern_is_told_with_what_to_write() -> None:
    assert "is no regular expression" in (patterns_problem("public.(") or "")


def test_message_keys_stand_in_for_the_primary_key() -> None:
    keys = MessageKeys("public.orders:Customer,number; public.l.*:id")
    assert keys.columns(ORDERS, ["id"], ["id", "number", "customer"]) == ["customer", "number"]
    assert keys.columns(TableId("public", "other"), ["id"], ["id"]) == ["id"]


def test_a_malformed_message_key_is_refused() -> None:
    assert "is not of the form" in (message_keys_problem("orders") or "")


def test_topics_hold_only_what_kafka_allows() -> None:
    names = TopicNames("shop")
    assert names.data(TableId("public", "Größe $")) == "shop.public.Gr__e__"
    assert names.heartbeat == "__debezium-heartbeat.shop"
    assert names.transactions == "shop.transaction"


def test_masks() -> None:
    masks = ColumnMasks(
        {
            "column.mask.with.3.chars": "public.orders.card",
            "column.truncate.to.2.chars": "public.orders.note",
            "column.mask.hash.v2.SHA-256.with.salt.s": "public.orders.mail",
            "topic.prefix": "p",
        }
    )
    text = pa.array(["äbcd", None, ""])

    def shown(column: str) -> list[str | None]:
        mask = masks.mask(ORDERS, column)
        assert mask is not None
        values: list[str | None] = mask(text).to_pylist()
        return values

    assert shown("card") == ["***", None, "***"]
    assert shown("note") == ["äb", None, ""]
    assert shown("mail")[0] == hashlib.sha256("säbcd".encode()).hexdigest()
    assert masks.mask(ORDERS, "id") is None


def test_the_first_hash_is_of_javas_serialized_string() -> None:
    mask = ColumnMasks({"column.mask.hash.SHA-256.with.salt.CzQMA0cB5K": ".*"}).mask(ORDERS, "x")
    assert mask is not None
    serialized = b"\xac\xed\x00\x05t\x00\x03abc"
    assert mask(pa.array(["abc"])).to_pylist() == [hashlib.sha256(b"CzQMA0cB5K" + serialized).hexdigest()]


def test_an_unknown_mask_is_told_by_its_key() -> None:
    (problem,) = mask_problems({"column.mask.with.stars": "x"})
    assert problem.key == "column.mask.with.stars"
    assert "is not known" in problem.message
