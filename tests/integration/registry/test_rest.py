"""The REST API's paths, codes and bodies, as Confluent's."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.integration.registry.conftest import Replica

USER = {"schema": '{"type":"record","name":"User","fields":[{"name":"id","type":"long"}]}'}
USER_V2 = {
    "schema": '{"type":"record","name":"User","fields":[{"name":"id","type":"long"},'
    '{"name":"age","type":"int","default":0}]}'
}
RENAMED = {"schema": '{"type":"record","name":"User","fields":[{"name":"user_id","type":"long"}]}'}


def assert_error(answer: httpx.Response, code: int) -> str:
    """The answer is a refusal with this code; gives its message."""
    body = answer.json()
    assert (answer.status_code, body["error_code"]) == (int(str(code)[:3]), code), answer.text
    assert answer.headers["content-type"] == "application/vnd.schemaregistry.v1+json"
    assert isinstance(body["message"], str)
    return str(body["message"])


async def post(replica: Replica, path: str, body: object) -> httpx.Response:
    return await replica.http.post(path, json=body)


async def test_bodies_of_a_registered_schema(replica: Replica) -> None:
    registered = await post(replica, "/subjects/users-value/versions", USER)
    assert registered.json() == {"id": 1}
    assert registered.headers["content-type"] == "application/vnd.schemaregistry.v1+json"
    whole = {"subject": "users-value", "version": 1, "id": 1, **USER}
    assert (await post(replica, "/subjects/users-value", USER)).json() == whole
    expected = {
        "/": {},
        "/schemas/types": ["JSON", "PROTOBUF", "AVRO"],
        "/schemas/ids/1": USER,
        "/schemas/ids/1/schema": json.loads(USER["schema"]),
        "/schemas/ids/1/subjects": ["users-value"],
        "/schemas/ids/1/versions": [{"subject": "users-value", "version": 1}],
        "/schemas": [whole],
        "/subjects": ["users-value"],
        "/subjects?subjectPrefix=x": [],
        "/subjects?subjectPrefix=:*:": ["users-value"],
        "/subjects/users-value/versions": [1],
        "/subjects/users-value/versions/1": whole,
        "/subjects/users-value/versions/-1": whole,
        "/subjects/users-value/versions/latest": whole,
        "/subjects/users-value/versions/latest/schema": json.loads(USER["schema"]),
        "/subjects/users-value/versions/1/referencedby": [],
        "/config": {"compatibilityLevel": "BACKWARD"},
        "/config/users-value?defaultToGlobal=true": {"compatibilityLevel": "BACKWARD"},
        "/mode": {"mode": "READWRITE"},
        "/mode/users-value?defaultToGlobal=true": {"mode": "READWRITE"},
    }
    for path, body in expected.items():
        answer = await replica.http.get(path)
        assert (path, answer.status_code, answer.json()) == (path, 200, body)


async def test_trailing_slashes_and_encoded_slashes(replica: Replica) -> None:
    assert (await post(replica, "/subjects/a%2Fb%20c/versions/", USER)).json() == {"id": 1}
    assert (await replica.http.get("/subjects/")).json() == ["a/b c"]
    assert (await replica.http.get("/subjects/a%2Fb%20c/versions/latest/")).json()["subject"] == "a/b c"
    assert (await replica.http.put("/config/a%2Fb%20c/", json={"compatibility": "none"})).json() == {
        "compatibility": "NONE"
    }


async def test_what_is_not_there(replica: Replica) -> None:
    await post(replica, "/subjects/users/versions", USER)
    assert_error(await replica.http.get("/schemas/ids/99"), 40403)
    assert_error(await replica.http.get("/subjects/nobody/versions"), 40401)
    assert_error(await replica.http.get("/subjects/nobody/versions/1"), 40401)
    assert_error(await replica.http.get("/subjects/users/versions/2"), 40402)
    assert_error(await replica.http.get("/subjects/users/versions/0"), 42202)
    assert_error(await replica.http.get("/subjects/users/versions/x"), 42202)
    assert_error(await post(replica, "/subjects/nobody", USER), 40401)
    assert_error(await post(replica, "/subjects/users", RENAMED), 40403)
    assert_error(await replica.http.get("/config/users"), 40408)
    assert_error(await replica.http.delete("/subjects/nobody"), 40401)
    assert_error(await replica.http.get("/nothing/here"), 404)


@pytest.mark.parametrize(
    "body",
    [
        {"schema": "{"},
        {"schema": '{"type":"recod"}'},
        {"schema": ""},
        {},
        {"schema": '{"type":"nonsense"}', "schemaType": "JSON"},
        {"schema": "message {", "schemaType": "PROTOBUF"},
        {"schema": '"int"', "schemaType": "XML"},
        {"schema": '"int"', "references": [{"name": "x", "subject": "nobody", "version": 1}]},
        {"schema": '"int"', "references": [{"name": "x"}]},
    ],
)
async def test_what_is_no_schema(replica: Replica, body: object) -> None:
    assert_error(await post(replica, "/subjects/users/versions", body), 42201)
    assert (await replica.http.get("/subjects")).json() == []


async def test_bodies_that_are_no_json(replica: Replica) -> None:
    assert (await replica.http.post("/subjects/users/versions", content=b"{")).json()["error_code"] == 400
    assert (await replica.http.post("/subjects/users/versions", content=b"[1]")).json()["error_code"] == 422


async def test_a_rename_is_refused_with_field_rule_and_remedy(replica: Replica) -> None:
    await post(replica, "/subjects/users/versions", USER)
    renamed = {"schema": USER["schema"].replace('"id"', '"ID"')}
    message = assert_error(await post(replica, "/subjects/users/versions", renamed), 409)
    assert 'field "ID" (path /fields/0) is in the new schema without a default and absent from version 1' in message
    assert 'add "id" to its aliases' in message
    verbose = await post(replica, "/compatibility/subjects/users/versions/latest?verbose=true", renamed)
    assert verbose.json()["is_compatible"] is False
    assert "READER_FIELD_MISSING_DEFAULT_VALUE" in verbose.json()["messages"][0]
    assert (await post(replica, "/compatibility/subjects/users/versions", USER_V2)).json() == {"is_compatible": True}
    assert (await post(replica, "/compatibility/subjects/nobody/versions", USER)).json() == {"is_compatible": True}


async def test_levels(replica: Replica) -> None:
    await post(replica, "/subjects/users/versions", USER)
    assert_error(await replica.http.put("/config/users", json={"compatibility": "SIDEWARD"}), 42203)
    assert_error(await post(replica, "/subjects/users/versions", RENAMED), 409)
    await replica.http.put("/config/users", json={"compatibility": "NONE"})
    assert (await post(replica, "/subjects/users/versions", RENAMED)).json() == {"id": 2}
    assert (await replica.http.delete("/config/users")).json() == {"compatibilityLevel": "NONE"}
    assert_error(await post(replica, "/subjects/users/versions", USER_V2), 409)
    await replica.http.put("/config", json={"compatibility": "NONE"})
    assert (await post(replica, "/subjects/users/versions", USER_V2)).json() == {"id": 3}


async def test_the_same_schema_however_written_has_one_id(replica: Replica) -> None:
    spaced = {"schema": json.dumps(json.loads(USER["schema"]), indent=4)}
    reordered = {"schema": '{"fields":[{"type":{"type":"long"},"name":"id"}],"name":"User","type":"record"}'}
    documented = {"schema": USER["schema"].replace('"name":"User"', '"name":"User","doc":"A user."')}
    ids = [(await post(replica, f"/subjects/s{n}/versions", USER)).json()["id"] for n in range(2)]
    ids += [(await post(replica, "/subjects/s0/versions", body)).json()["id"] for body in (spaced, reordered)]
    assert ids == [1, 1, 1, 1]
    assert (await post(replica, "/subjects/s0/versions", documented)).json() == {"id": 2}
    assert (await replica.http.get("/subjects/s0/versions")).json() == [1, 2]


async def test_deleting_softly_and_for_good(replica: Replica) -> None:
    for body in (USER, USER_V2):
        await post(replica, "/subjects/users/versions", body)
    assert_error(await replica.http.delete("/subjects/users?permanent=true"), 40405)
    assert_error(await replica.http.delete("/subjects/users/versions/1?permanent=true"), 40407)
    assert (await replica.http.delete("/subjects/users/versions/1")).json() == 1
    assert_error(await replica.http.delete("/subjects/users/versions/1"), 40406)
    assert_error(await replica.http.get("/subjects/users/versions/1"), 40402)
    assert (await replica.http.get("/subjects/users/versions/1?deleted=true")).json()["id"] == 1
    assert (await replica.http.get("/subjects/users/versions?deleted=true")).json() == [1, 2]
    assert (await replica.http.get("/schemas/ids/1")).json() == USER
    assert (await replica.http.delete("/subjects/users")).json() == [2]
    assert_error(await replica.http.delete("/subjects/users"), 40404)
    assert (await replica.http.get("/subjects")).json() == []
    assert (await replica.http.get("/subjects?deleted=true")).json() == ["users"]
    assert (await post(replica, "/subjects/users/versions", USER)).json() == {"id": 1}
    assert (await replica.http.get("/subjects/users/versions")).json() == [3]
    assert (await replica.http.delete("/subjects/users/versions/1?permanent=true")).json() == 1
    assert (await replica.http.get("/schemas/ids/1")).status_code == 200
    await replica.http.delete("/subjects/users")
    assert (await replica.http.delete("/subjects/users?permanent=true")).json() == [2, 3]
    assert_error(await replica.http.get("/schemas/ids/1"), 40403)


async def test_json_schema_and_protobuf_are_checked_too(replica: Replica) -> None:
    document = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}
    narrowed = {**document, "required": ["a"]}
    for body, status in ((document, 200), (document, 200), (narrowed, 409)):
        answer = await post(
            replica, "/subjects/j/versions", {"schemaType": "JSON", "schema": json.dumps(body, indent=1)}
        )
        assert answer.status_code == status, answer.text
    proto = 'syntax = "proto3"; message M { int32 a = 1; }'
    for text, status in ((proto, 200), (proto + " // more", 200), (proto.replace("int32", "string"), 409)):
        answer = await post(replica, "/subjects/p/versions", {"schemaType": "PROTOBUF", "schema": text})
        assert answer.status_code == status, answer.text
    assert (await replica.http.get("/subjects/p/versions")).json() == [1]
    assert (await replica.http.get("/subjects/p/versions/1")).json()["schemaType"] == "PROTOBUF"
    assert (await post(replica, "/subjects/p/versions", USER)).status_code == 409


async def test_references(replica: Replica) -> None:
    await post(
        replica, "/subjects/common/versions", {"schemaType": "PROTOBUF", "schema": 'syntax="proto3"; message C {}'}
    )
    importing = {
        "schemaType": "PROTOBUF",
        "schema": 'syntax="proto3"; import "common.proto"; message M { C c = 1; }',
        "references": [{"name": "common.proto", "subject": "common", "version": 1}],
    }
    assert (await post(replica, "/subjects/m/versions", importing)).json() == {"id": 2}
    assert (await replica.http.get("/schemas/ids/2")).json() == importing
    assert (await replica.http.get("/subjects/common/versions/1/referencedby")).json() == [2]
    assert_error(await replica.http.delete("/subjects/common/versions/1"), 42206)
    document = {"schemaType": "JSON", "schema": '{"type":"string"}'}
    await post(replica, "/subjects/name/versions", document)
    using = {
        "schemaType": "JSON",
        "schema": '{"properties":{"n":{"$ref":"name.json"}}}',
        "references": [{"name": "name.json", "subject": "name", "version": 1}],
    }
    assert (await post(replica, "/subjects/using/versions", using)).status_code == 200
