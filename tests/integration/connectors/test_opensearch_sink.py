"""The OpenSearch sink on a real node."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.integration.connectors.search_gateway import SearchGateway, search_gateway
from tests.integration.connectors.search_index import SearchIndex, fresh_topic
from tests.integration.connectors.sink_harness import RunningSink, SinkHarness, consumed, records
from tests.support.certificate import Certificate
from tidegate.connectors.opensearch import OpenSearchSinkConnector
from tidegate.devstack import OpenSearch
from tidegate.errors import ConfigError, FatalError, RecordHaltedError, RetriableError
from tidegate.records.envelope import SCHEMALESS, Batch, TopicPartition
from tidegate.records.reason import Rule, path_of, rule_of

pytestmark = pytest.mark.opensearch

ID = pa.field("id", pa.int64(), nullable=False)
NAME = pa.field("name", pa.string())


@pytest.fixture
def node(opensearch: OpenSearch) -> Iterator[SearchIndex]:
    index = SearchIndex(opensearch.url)
    yield index
    index.close()


@pytest.fixture
def gateway(opensearch: OpenSearch) -> Iterator[SearchGateway]:
    with search_gateway(opensearch.url) as made:
        yield made


@pytest.fixture
def topic() -> str:
    return fresh_topic()


def harness(url: str, *, tolerant: bool = False, **keys: Any) -> SinkHarness:
    config = {
        "connection.url": url,
        "retry.backoff.ms": "1",
        "read.timeout.ms": "20000",
        "errors.tolerance": "all" if tolerant else "none",
        **{key.replace("_", "."): value for key, value in keys.items()},
    }
    return SinkHarness(OpenSearchSinkConnector(), config, tolerant=tolerant)


def start(url: str, topic: str, *, tolerant: bool = False, **keys: Any) -> RunningSink:
    return harness(url, tolerant=tolerant, **keys).start(TopicPartition(topic, 0))


def changes(topic: str, *rows: tuple[str, str | None], first_offset: int = 0) -> Batch:
    """Documents by key; None is a tombstone."""
    value = records([None if name is None else {"name": name} for _, name in rows], NAME)
    return consumed(topic, value, key=pa.array([key for key, _ in rows]), first_offset=first_offset)


def numbered(topic: str, numbers: Sequence[int]) -> Batch:
    value = records([{"id": number, "name": f"n{number}"} for number in numbers], ID, NAME)
    return consumed(topic, value, offsets=list(numbers))


def halted(run: RunningSink) -> dict[int, str]:
    return {offset: message for _, offset, message in run.context.halted}


def test_documents_are_there_when_put_returns(node: SearchIndex, gateway: SearchGateway, topic: str) -> None:
    run = start(gateway.url, topic, key_ignore="true", batch_size="1000", connection_compression="true")
    run.put(numbered(topic, range(7000)))
    assert node.count(topic) == 7000
    assert node.call("GET", f"/{topic}/_doc/{topic}+0+6999")["_source"] == {"id": 6999, "name": "n6999"}
    assert gateway.bulks == [2000] * 7
    assert 1 < gateway.most_at_once <= 5
    assert {where: offset.offset for where, offset in run.commit().items()} == {TopicPartition(topic, 0): 7000}
    run.task.stop()


def test_requests_are_bounded_in_bytes(node: SearchIndex, gateway: SearchGateway, topic: str) -> None:
    run = start(gateway.url, topic, key_ignore="true", bulk_size_bytes="10000", max_buffered_records="150")
    run.put(numbered(topic, range(300)))
    assert len(gateway.bulks) > 3
    assert node.count(topic) == 300


def test_upserts_and_deletes_by_key_leave_the_last_change(
    node: SearchIndex, opensearch: OpenSearch, topic: str
) -> None:
    run = start(opensearch.url, topic, behavior_on_null_values="delete", batch_size="1", max_in_flight_requests="8")
    run.put(changes(topic, ("a", "1"), ("b", "1"), ("a", "2"), ("c", "1"), ("b", None), ("x", None), ("a", "3")))
    assert node.documents(topic) == {"a": {"name": "3"}, "c": {"name": "1"}}
    run.put(changes(topic, ("a", None), ("b", "2"), first_offset=7))
    assert node.documents(topic) == {"b": {"name": "2"}, "c": {"name": "1"}}
    assert {hit["_id"]: hit["_version"] for hit in node.hits(topic)} == {"b": 8, "c": 3}


def test_a_replay_and_a_zombie_change_nothing(node: SearchIndex, opensearch: OpenSearch, topic: str) -> None:
    sinks = harness(opensearch.url, behavior_on_null_values="delete")
    zombie, successor = (sinks.start(TopicPartition(topic, 0)) for _ in range(2))
    successor.put(changes(topic, ("a", "old"), ("b", "old"), ("a", "new"), ("b", None)))
    expected = {"a": {"name": "new"}}
    assert node.documents(topic) == expected
    zombie.put(changes(topic, ("a", "old"), ("b", "old")))
    zombie.put(changes(topic, ("a", "new"), first_offset=2))
    assert node.documents(topic) == expected
    assert not halted(zombie)
    settings = node.call("GET", f"/{topic}/_settings")[topic]["settings"]["index"]
    assert settings["gc_deletes"] == "3600000ms"


STEPS: Sequence[tuple[str, str | None]] = [("a", "1"), ("b", "1"), ("a", "2"), ("b", None), ("c", "1"), ("a", "3")]
LEFT = {"a": {"name": "3"}, "c": {"name": "1"}}


def test_whichever_request_a_task_dies_at_its_successor_ends_where_it_should(
    node: SearchIndex, gateway: SearchGateway
) -> None:
    keys: dict[str, Any] = {
        "batch_size": "1",
        "max_in_flight_requests": "1",
        "max_retries": "0",
        "behavior_on_null_values": "delete",
    }
    for lost in range(len(STEPS)):
        topic = fresh_topic()
        sinks = harness(gateway.url, **keys)
        dying = sinks.start(TopicPartition(topic, 0))
        gateway.lose_from = lost
        with pytest.raises(RetriableError):
            dying.put(changes(topic, *STEPS))
        gateway.lose_from = None
        sinks.start(TopicPartition(topic, 0)).put(changes(topic, *STEPS))
        assert node.documents(topic) == LEFT, f"request {lost}"


def test_whichever_request_of_a_zombie_comes_late_it_changes_nothing(
    node: SearchIndex, gateway: SearchGateway, opensearch: OpenSearch
) -> None:
    keys: dict[str, Any] = {"batch_size": "1", "max_in_flight_requests": "1", "behavior_on_null_values": "delete"}
    for late in range(len(STEPS)):
        topic = fresh_topic()
        zombie = start(gateway.url, topic, **keys)
        with gateway.held(late) as request, ThreadPoolExecutor(1) as thread:
            put = thread.submit(zombie.put, changes(topic, *STEPS))
            request.wait()
            start(opensearch.url, topic, **keys).put(changes(topic, *STEPS))
            assert node.documents(topic) == LEFT
            request.let_go()
            put.result(60)
        assert node.documents(topic) == LEFT, f"request {late}"


def test_positions_as_ids_make_a_replay_harmless(node: SearchIndex, opensearch: OpenSearch, topic: str) -> None:
    run = start(opensearch.url, topic, key_ignore="true")
    run.put(numbered(topic, range(50)))
    run.put(numbered(topic, range(30, 60)))
    assert sorted(hit["_source"]["id"] for hit in node.hits(topic)) == list(range(60))


def test_an_answer_that_is_lost_leads_to_no_second_document(
    node: SearchIndex, gateway: SearchGateway, topic: str
) -> None:
    run = start(gateway.url, topic, batch_size="10")
    gateway.lose_answers = 2
    run.put(changes(topic, *((f"k{number}", "x") for number in range(40))))
    assert node.count(topic) == 40
    assert len(gateway.bulks) == 6


def test_what_the_node_is_too_busy_for_is_sent_again(node: SearchIndex, gateway: SearchGateway, topic: str) -> None:
    run = start(gateway.url, topic, batch_size="100")
    gateway.reject, gateway.reject_items = 2, 2
    run.put(changes(topic, *((f"k{number}", "x") for number in range(400))))
    assert node.count(topic) == 400
    assert sum(gateway.bulks) == 2 * (400 + 100)


def test_a_node_that_stays_too_busy_ends_the_task_for_a_while(gateway: SearchGateway, topic: str) -> None:
    run = start(gateway.url, topic, max_retries="2")
    gateway.reject = 1000
    with pytest.raises(RetriableError, match=r"too many requests at once"):
        run.put(changes(topic, ("a", "1")))
    assert gateway.reject == 997


def test_a_real_node_pushes_back_and_keeps_what_it_took_through_a_kill(state_dir: Path, topic: str) -> None:
    limits = {"indexing_pressure.memory.limit": "60kb"}
    with OpenSearch(state_dir, name="opensearch-small", settings=limits) as small:
        sinks = harness(small.url, batch_size="100", retry_backoff_ms="20", max_in_flight_requests="8")
        run = sinks.start(TopicPartition(topic, 0))
        run.put(changes(topic, *((f"k{number}", "x" * 200) for number in range(2000))))
        node = SearchIndex(small.url)
        assert node.count(topic) == 2000
        pressure = next(iter(node.call("GET", "/_nodes/stats/indexing_pressure")["nodes"].values()))
        rejections = pressure["indexing_pressure"]["memory"]["total"]
        assert rejections["coordinating_rejections"] + rejections["primary_rejections"] > 0
        small.kill9()
        with pytest.raises(RetriableError):
            run.put(changes(topic, ("late", "x"), first_offset=2000))
        small.start()
        sinks.start(TopicPartition(topic, 0)).put(changes(topic, ("late", "x"), first_offset=2000))
        assert node.count(topic) == 2001
        node.close()


def test_a_dead_node_is_passed_over(node: SearchIndex, opensearch: OpenSearch, topic: str) -> None:
    run = start(f"http://127.0.0.1:1,{opensearch.url}", topic)
    run.put(changes(topic, ("a", "1")))
    assert node.documents(topic) == {"a": {"name": "1"}}


def test_no_node_at_all_is_worth_another_try() -> None:
    with pytest.raises(RetriableError, match=r"connection\.url"):
        start("http://127.0.0.1:1", "t")
    config = OpenSearchSinkConnector.config_def.parse({"connection.url": "http://127.0.0.1:1"})
    (problem,) = OpenSearchSinkConnector().validate(config)
    assert problem.key == "connection.url"


BAD = {3: "mapper_parsing_exception", 5: "mapper_parsing_exception"}


def mixed(topic: str) -> Batch:
    """Eight documents of JSON text, of which two have text for the number."""
    texts = [f'{{"n": {"12" if row not in BAD else chr(34) + "x" + chr(34)}}}' for row in range(8)]
    return consumed(topic, pa.array(texts), key=pa.array([f"k{row}" for row in range(8)]))


def prepared(node: SearchIndex, topic: str) -> None:
    node.call("PUT", f"/{topic}", {"mappings": {"properties": {"n": {"type": "integer"}}}})


@pytest.mark.parametrize("behavior", ["fail", "ignore"])
def test_malformed_documents_are_halted_one_by_one(
    node: SearchIndex, opensearch: OpenSearch, topic: str, behavior: str
) -> None:
    prepared(node, topic)
    run = start(opensearch.url, topic, tolerant=True, behavior_on_malformed_documents=behavior)
    run.put(mixed(topic))
    assert {row: error for row, error in BAD.items() if error in halted(run)[row]} == BAD
    assert "field [n] of type [integer]" in halted(run)[3]
    assert (rule_of(halted(run)[3], ""), path_of(halted(run)[3])) == (Rule.TYPE_CHANGED, "n")
    assert node.count(topic) == 6


def test_a_malformed_document_fails_the_task_at_it(node: SearchIndex, opensearch: OpenSearch, topic: str) -> None:
    prepared(node, topic)
    run = start(opensearch.url, topic, max_buffered_records="4")
    with pytest.raises(RecordHaltedError, match=r"field \[n\] of type \[integer\]"):
        run.put(mixed(topic))
    assert {"k0", "k1", "k2"} <= node.documents(topic).keys()


@pytest.mark.parametrize("behavior", ["warn", "ignore"])
def test_malformed_documents_may_be_passed_over(
    node: SearchIndex, opensearch: OpenSearch, topic: str, behavior: str
) -> None:
    prepared(node, topic)
    start(opensearch.url, topic, behavior_on_malformed_documents=behavior).put(mixed(topic))
    assert node.count(topic) == 6


@pytest.mark.parametrize(
    ("mapping", "document", "rule", "path"),
    [
        ({"properties": {"n": {"type": "byte"}}}, '{"n": 300}', Rule.VALUE, "n"),
        ({"properties": {"at": {"type": "date"}}}, '{"at": "some day"}', Rule.VALUE, "at"),
        ({"properties": {"on": {"type": "boolean"}}}, '{"on": "perhaps"}', Rule.TYPE_CHANGED, "on"),
        ({"properties": {"o": {"properties": {"x": {"type": "long"}}}}}, '{"o": 7}', Rule.TYPE_CHANGED, "o"),
        ({"properties": {"n": {"type": "long"}}}, '{"n": {"x": 1}}', Rule.TYPE_CHANGED, "n"),
        ({"dynamic": "strict", "properties": {}}, '{"extra": 1}', Rule.UNKNOWN_FIELD, "extra"),
    ],
)
def test_why_a_node_refuses_a_document_is_told_by_rule_and_field(
    node: SearchIndex, opensearch: OpenSearch, topic: str, mapping: dict[str, Any], document: str, rule: Rule, path: str
) -> None:
    node.call("PUT", f"/{topic}", {"mappings": mapping})
    run = start(opensearch.url, topic, tolerant=True, schema_ignore="true")
    run.put(consumed(topic, pa.array([document]), key=pa.array(["k"])))
    (reason,) = halted(run).values()
    assert (rule_of(reason, ""), path_of(reason)) == (rule, path), reason


def test_where_drift_fails_the_task_drifted_documents_are_not_passed_over(
    node: SearchIndex, opensearch: OpenSearch, topic: str
) -> None:
    prepared(node, topic)
    run = start(opensearch.url, topic, behavior_on_malformed_documents="ignore", drift_policy="fail")
    with pytest.raises(RecordHaltedError, match=r"field \[n\]"):
        run.put(mixed(topic))


def test_fields_that_an_index_has_no_mapping_for_may_be_left_out(
    node: SearchIndex, opensearch: OpenSearch, topic: str
) -> None:
    mapping = {
        "dynamic": "strict",
        "properties": {"id": {"type": "long"}, "at": {"properties": {"x": {"type": "long"}}}},
    }
    for day in ("19700101", "19700102"):
        node.call("PUT", f"/{topic}-{day}", {"mappings": mapping})
    run = start(
        opensearch.url,
        topic,
        tolerant=True,
        key_ignore="true",
        drift_policy="project",
        index_name_format="${topic}-${timestamp}",
    )
    place = pa.field("at", pa.struct([("x", pa.string()), ("y", pa.string())]))
    rows = [{"id": n, "name": "n", "at": {"x": "x" if n == 3 else "1", "y": "y"}} for n in range(6)]
    value = records(rows, ID, NAME, place)
    run.put(consumed(topic, value, timestamps=[0, 86_400_000] * 3, first_offset=10))
    found = [hit["_source"] for day in ("19700101", "19700102") for hit in node.hits(f"{topic}-{day}")]
    assert sorted(found, key=lambda each: each["id"]) == [{"id": n, "at": {"x": "1"}} for n in (0, 1, 2, 4, 5)]
    assert halted(run).keys() == {13}
    fresh = start(opensearch.url, topic, key_ignore="true", drift_policy="project")
    fresh.put(numbered(topic, range(2)))
    assert node.count(topic) == 2 and node.mapping(topic).keys() == {"id", "name"}


def test_records_without_the_key_they_need_are_halted_or_dropped(
    node: SearchIndex, opensearch: OpenSearch, topic: str
) -> None:
    keyless = consumed(topic, records([{"name": "a"}, {"name": "b"}], NAME), key=pa.array([None, "b"]))
    tolerant = start(opensearch.url, topic, tolerant=True)
    tolerant.put(keyless)
    assert halted(tolerant).keys() == {0}
    start(opensearch.url, topic, drop_invalid_message="true").put(keyless)
    assert node.documents(topic) == {"b": {"name": "b"}}
    with pytest.raises(RecordHaltedError, match=r"key\.ignore=true"):
        start(opensearch.url, topic).put(keyless)


@pytest.mark.parametrize(("behavior", "count"), [("fail", 1), ("ignore", 0)])
def test_tombstones(opensearch: OpenSearch, topic: str, behavior: str, count: int) -> None:
    run = start(opensearch.url, topic, tolerant=True, behavior_on_null_values=behavior)
    run.put(changes(topic, ("a", "1"), ("a", None)))
    assert len(halted(run)) == count


def test_a_document_too_large_for_the_node_is_halted_by_itself(
    node: SearchIndex, gateway: SearchGateway, topic: str
) -> None:
    gateway.most_bytes = 2000
    run = start(gateway.url, topic, tolerant=True)
    run.put(changes(topic, ("a", "1"), ("b", "x" * 3000), ("c", "1"), ("d", "y" * 1500)))
    assert node.documents(topic).keys() == {"a", "c", "d"}
    assert "too large" in halted(run)[1]


def test_partial_updates_of_one_document_are_made_in_their_order(
    node: SearchIndex, opensearch: OpenSearch, topic: str
) -> None:
    node.call("PUT", f"/{topic}/_doc/a", {"kept": 1, "name": "before"})
    run = start(opensearch.url, topic, write_method="upsert", behavior_on_null_values="delete", batch_size="1")
    names = [("a", f"{number}") for number in range(20)]
    run.put(changes(topic, *names, ("b", "1"), ("b", None), ("c", "1"), ("c", None), ("c", "2")))
    assert node.documents(topic) == {"a": {"kept": 1, "name": "19"}, "c": {"name": "2"}}


def test_the_index_is_made_from_the_schema_and_widened(node: SearchIndex, opensearch: OpenSearch, topic: str) -> None:
    fields = [
        ID,
        pa.field("price", pa.decimal128(12, 2)),
        pa.field("day", pa.date32()),
        pa.field("at", pa.timestamp("us", "UTC")),
        pa.field("address", pa.struct([NAME])),
        pa.field("lines", pa.list_(pa.struct([("n", pa.int32())]))),
        pa.field("labels", pa.map_(pa.string(), pa.string())),
    ]
    row = {
        "id": 1,
        "price": Decimal("12.50"),
        "day": dt.date(2026, 1, 2),
        "at": dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC),
        "address": {"name": "x"},
        "lines": [{"n": 1}, {"n": 2}],
        "labels": [("a", "b")],
    }
    run = start(opensearch.url, topic, key_ignore="true")
    run.put(consumed(topic, records([row], *fields)))
    assert {name: found.get("type", "object") for name, found in node.mapping(topic).items()} == {
        "id": "long",
        "price": "double",
        "day": "date",
        "at": "date",
        "address": "object",
        "lines": "object",
        "labels": "object",
    }
    assert node.documents(topic)[f"{topic}+0+0"] == {
        **row,
        "price": 12.5,
        "day": "2026-01-02",
        "at": "2026-01-02T03:04:05.000006Z",
        "labels": {"a": "b"},
    }
    wider = [ID, pa.field("weight", pa.float32()), pa.field("address", pa.struct([NAME, ("zip", pa.int32())]))]
    run.put(consumed(topic, records([{"id": 2, "weight": 1.5, "address": {"zip": 1}}], *wider), first_offset=1))
    mapping = node.mapping(topic)
    assert mapping["weight"] == {"type": "float"}
    assert mapping["address"]["properties"]["zip"] == {"type": "integer"}


def test_mappings_may_be_left_to_the_node(node: SearchIndex, opensearch: OpenSearch, topic: str) -> None:
    value = records([{"id": 1}], pa.field("id", pa.int32()))
    start(opensearch.url, topic, key_ignore="true", schema_ignore="true").put(consumed(topic, value))
    assert node.mapping(topic)["id"] == {"type": "long"}


def test_json_without_a_schema_is_left_to_the_node(node: SearchIndex, opensearch: OpenSearch, topic: str) -> None:
    batch = consumed(topic, records([{"id": 1}], pa.field("id", pa.int32())))
    described = batch.records.schema.field("value").with_metadata({SCHEMALESS: b"true"})
    batch = batch.with_records(
        pa.RecordBatch.from_arrays(batch.records.columns, schema=batch.records.schema.set(1, described))
    )
    start(opensearch.url, topic, key_ignore="true").put(batch)
    assert node.mapping(topic)["id"] == {"type": "long"}


def test_an_index_a_day(node: SearchIndex, opensearch: OpenSearch, topic: str) -> None:
    run = start(opensearch.url, topic, key_ignore="true", index_name_format="${topic}-${timestamp}")
    value = records([{"id": 1}, {"id": 2}, {"id": 3}], ID)
    run.put(consumed(topic, value, timestamps=[1_700_000_000_000, 1_700_100_000_000, 1_700_000_000_001]))
    assert node.count(f"{topic}-20231114") == 2
    assert node.count(f"{topic}-20231116") == 1
    assert node.mapping(f"{topic}-20231116") == {"id": {"type": "long"}}


def test_an_alias_may_stand_for_the_topic(node: SearchIndex, opensearch: OpenSearch, topic: str) -> None:
    node.call("PUT", f"/{topic}-1", {"aliases": {f"{topic}-alias": {"is_write_index": True}}})
    run = start(opensearch.url, topic, topic_to_external_resource_mapping=f"{topic}:{topic}-alias")
    run.put(changes(topic, ("a", "1")))
    assert node.documents(f"{topic}-1") == {"a": {"name": "1"}}
    assert node.mapping(f"{topic}-1")["name"]["type"] == "text"


def test_a_data_stream_takes_each_record_once(node: SearchIndex, opensearch: OpenSearch, topic: str) -> None:
    keys: dict[str, Any] = {
        "data_stream_type": "LOGS",
        "data_stream_dataset": "${topic}",
        "data_stream_timestamp_field": "at",
        "behavior_on_null_values": "ignore",
    }
    fields = [ID, pa.field("at", pa.timestamp("ms", "UTC"))]
    rows = [{"id": 1, "at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)}, {"id": 2, "at": None}, None]
    run = start(opensearch.url, topic, **keys)
    for _ in range(2):
        run.put(consumed(topic, records(rows, *fields)))
    stream = f"logs-{topic}-default"
    assert sorted((hit["_source"]["id"], hit["_source"]["@timestamp"]) for hit in node.hits(stream)) == [
        (1, "2026-01-02T00:00:00.000Z"),
        (2, "2023-11-14T22:13:20.000Z"),
    ]
    (described,) = node.call("GET", f"/_data_stream/{stream}")["data_streams"]
    assert described["timestamp_field"]["name"] == "@timestamp"
    assert node.mapping(stream)["id"] == {"type": "long"}


def test_a_closed_index_is_nobodys_malformed_document(node: SearchIndex, opensearch: OpenSearch, topic: str) -> None:
    run = start(opensearch.url, topic, tolerant=True)
    run.put(changes(topic, ("a", "1")))
    node.call("POST", f"/{topic}/_close")
    with pytest.raises(FatalError, match="closed"):
        run.put(changes(topic, ("b", "1"), first_offset=1))
    assert not halted(run)


def test_tls_with_an_authority_of_ones_own(
    node: SearchIndex, opensearch: OpenSearch, topic: str, tmp_path: Path
) -> None:
    certificate = Certificate.made(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.server, certificate.key)
    trusting: dict[str, Any] = {
        "elastic_security_protocol": "SSL",
        "connection_username": "u",
        "connection_password": "p",
    }
    with search_gateway(opensearch.url, tls=context) as gateway:
        stores: list[dict[str, Any]] = [
            {"elastic_https_ssl_truststore_location": str(certificate.ca)},
            {
                "elastic_https_ssl_truststore_location": str(certificate.pkcs12),
                "elastic_https_ssl_truststore_password": certificate.password,
                "elastic_https_ssl_keystore_location": str(certificate.pkcs12),
                "elastic_https_ssl_keystore_password": certificate.password,
            },
        ]
        for keys in stores:
            run = start(gateway.url, topic, **trusting, **keys)
            run.put(changes(topic, ("a", "1")))
            run.task.stop()
        assert node.documents(topic) == {"a": {"name": "1"}}
        assert gateway.headers[-1]["Authorization"] == "Basic dTpw"
        with pytest.raises(RetriableError, match="CERTIFICATE_VERIFY_FAILED"):
            start(gateway.url, topic)
    unreadable: dict[str, Any] = {"elastic_https_ssl_truststore_location": str(tmp_path / "none")}
    with pytest.raises(ConfigError, match="can not be read"):
        start(gateway.url, topic, **trusting, **unreadable)
