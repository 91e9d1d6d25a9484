"""The seven compatibility levels for each schema language: what each lets through, and how far back it looks."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from tests.integration.registry.conftest import Replica

Schemas = dict[str, dict[str, Any]]


def avro(*fields: str) -> dict[str, Any]:
    kinds: dict[str, Any] = {"age": {"type": "int", "default": 0}, "note": {"type": "string", "default": ""}}
    listed = [{"name": name, "type": "string", **kinds.get(name, {})} for name in fields]
    return {"schema": json.dumps({"type": "record", "name": "E", "fields": listed})}


def json_schema(title: str = "", **properties: str) -> dict[str, Any]:
    text = {
        "type": "object",
        "title": title,
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "additionalProperties": False,
    }
    return {"schemaType": "JSON", "schema": json.dumps(text)}


def protobuf(*fields: str, extra: bool = False) -> dict[str, Any]:
    body = " ".join(f"{field} = {number};" for number, field in enumerate(fields, start=1))
    more = "message Extra { int64 n = 1; }" if extra else ""
    return {"schemaType": "PROTOBUF", "schema": f'syntax = "proto3"; message E {{ {body} }} {more}'}


# Beside the base: what only new readers, only old readers, both, and neither can read.
LANGUAGES: dict[str, Schemas] = {
    "AVRO": {
        "base": avro("id", "name"),
        "backward": avro("id"),
        "forward": avro("id", "name", "new"),
        "full": avro("id", "name", "age"),
        "none": avro("id", "user_name"),
        "none, changed": avro("id", "user_name", "note"),
    },
    "JSON": {
        "base": json_schema(id="integer", name="string"),
        "backward": json_schema(id="integer", name="string", new="string"),
        "forward": json_schema(id="integer"),
        "full": json_schema("other", id="integer", name="string"),
        "none": json_schema(id="integer", name="integer"),
        "none, changed": json_schema("other", id="integer", name="integer"),
    },
    "PROTOBUF": {
        "base": protobuf("int64 id", "string name"),
        "backward": protobuf("int64 id", "string name", extra=True),
        "forward": protobuf("int64 id", "string name"),
        "full": protobuf("int64 id", "string name", "string new"),
        "none": protobuf("string id", "string name"),
        "none, changed": protobuf("string id", "string name", "string new"),
    },
}
# A message that goes is what only old readers can do without, so there the base has one more.
FORWARD_BASE = {"PROTOBUF": protobuf("int64 id", "string name", extra=True)}
PASSES = {
    "NONE": {"backward", "forward", "full", "none"},
    "BACKWARD": {"backward", "full"},
    "FORWARD": {"forward", "full"},
    "FULL": {"full"},
}


class Subjects:
    """Subjects of a replica, a fresh one for each question."""

    def __init__(self, replica: Replica) -> None:
        self._http = replica.http
        self._names = (f"subject-{number}" for number in itertools.count())

    async def takes(self, level: str, candidate: dict[str, Any], *earlier: dict[str, Any]) -> bool:
        """Whether a subject with earlier versions registers a schema at a level."""
        name = next(self._names)
        await self._http.put(f"/config/{name}", json={"compatibility": "NONE"})
        for each in earlier:
            answer = await self._http.post(f"/subjects/{name}/versions", json=each)
            assert answer.status_code == 200, answer.text
        await self._http.put(f"/config/{name}", json={"compatibility": level})
        answer = await self._http.post(f"/subjects/{name}/versions", json=candidate)
        assert answer.status_code in (200, 409), answer.text
        return bool(answer.status_code == 200)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_each_level_lets_through_what_its_readers_can_read(replica: Replica, language: str) -> None:
    subjects, schemas = Subjects(replica), LANGUAGES[language]
    for level, suffix, change in itertools.product(
        PASSES, ("", "_TRANSITIVE"), ("backward", "forward", "full", "none")
    ):
        if level == "NONE" and suffix:
            continue
        base = FORWARD_BASE.get(language, schemas["base"]) if change == "forward" else schemas["base"]
        taken = await subjects.takes(level + suffix, schemas[change], base)
        assert taken == (change in PASSES[level]), (level + suffix, change)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_only_transitive_levels_look_beyond_the_last_version(replica: Replica, language: str) -> None:
    subjects, schemas = Subjects(replica), LANGUAGES[language]
    for level in ("BACKWARD", "FORWARD", "FULL"):
        earlier = schemas["base"], schemas["none"]
        assert await subjects.takes(level, schemas["none, changed"], *earlier), level
        assert not await subjects.takes(f"{level}_TRANSITIVE", schemas["none, changed"], *earlier), level


@pytest.mark.parametrize("language", ["JSON", "PROTOBUF"])
async def test_a_change_behind_a_reference_is_judged_as_one_of_the_schema(replica: Replica, language: str) -> None:
    http, (good, bad) = replica.http, REFERENCED[language]
    await http.put("/config/address", json={"compatibility": "NONE"})
    for schema in (good, bad):
        assert (await http.post("/subjects/address/versions", json=schema)).status_code == 200
    name, text = REFERRING[language]
    answers = []
    for version in (1, 2):
        references = [{"name": name, "subject": "address", "version": version}]
        body = {"schemaType": language, "schema": text, "references": references}
        answers.append((await http.post("/subjects/person/versions", json=body)).status_code)
    assert answers == [200, 409]


REFERENCED = {
    "JSON": [json_schema(city="string"), json_schema(city="integer")],
    "PROTOBUF": [
        {"schemaType": "PROTOBUF", "schema": f'syntax = "proto3"; message Address {{ {kind} city = 1; }}'}
        for kind in ("string", "int64")
    ],
}
REFERRING = {
    "JSON": ("address.json", json.dumps({"type": "object", "properties": {"home": {"$ref": "address.json"}}})),
    "PROTOBUF": ("address.proto", 'syntax = "proto3"; import "address.proto"; message Person { Address home = 1; }'),
}
