"""Several replicas are one registry: unique dense ids, agreement, no write lost, through the death of etcd."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from tidegate_registry.keys import RegistryKeys
from tidegate_registry.schemas.content import SchemaContent
from tidegate_registry.schemas.schema_type import SchemaType
from tidegate_registry.stored import Head, StoredSchema, StoredSubject, StoredVersion

from tests.integration.registry.conftest import Replica, run_replica
from tests.support.eventually import aeventually
from tidegate.devstack import Etcd
from tidegate.etcd import EtcdClient, EtcdConfig, Op


def avro(name: str, *fields: str) -> dict[str, str]:
    listed = [{"name": field, "type": "int", "default": 0} for field in fields]
    return {"schema": json.dumps({"type": "record", "name": name, "fields": listed})}


def _are_done(tasks: list[asyncio.Task[int]], count: int) -> Callable[[], Awaitable[bool]]:
    async def done() -> bool:
        return sum(task.done() for task in tasks) >= count

    return done


async def register(replica: Replica, subject: str, body: dict[str, str]) -> int:
    answer = await replica.http.post(f"/subjects/{subject}/versions", json=body)
    assert answer.status_code == 200, answer.text
    schema_id = answer.json()["id"]
    assert isinstance(schema_id, int)
    return schema_id


async def test_different_schemas_registered_at_once_get_dense_ids(replicas: tuple[Replica, Replica]) -> None:
    count = 60
    ids = await asyncio.gather(
        *(register(replicas[number % 2], f"s{number}", avro(f"R{number}")) for number in range(count))
    )
    assert sorted(ids) == list(range(1, count + 1))
    for number, schema_id in enumerate(ids):
        answer = await replicas[(number + 1) % 2].http.get(f"/schemas/ids/{schema_id}")
        assert json.loads(answer.json()["schema"])["name"] == f"R{number}"


async def test_one_schema_registered_at_once_under_many_subjects_has_one_id(replicas: tuple[Replica, Replica]) -> None:
    ids = await asyncio.gather(*(register(replicas[number % 2], f"s{number % 10}", avro("R")) for number in range(40)))
    assert set(ids) == {1}
    for replica in replicas:
        answer = await replica.http.get("/schemas/ids/1/versions")
        assert answer.json() == [{"subject": f"s{number}", "version": 1} for number in range(10)]


async def test_versions_registered_at_once_under_one_subject_are_dense_and_agreed(
    replicas: tuple[Replica, Replica],
) -> None:
    await asyncio.gather(*(register(replicas[number % 2], "s", avro("R", f"f{number}")) for number in range(20)))
    versions = [(await replica.http.get("/subjects/s/versions")).json() for replica in replicas]
    assert versions == [list(range(1, 21))] * 2
    for version in versions[0]:
        one, other = [(await replica.http.get(f"/subjects/s/versions/{version}")).json() for replica in replicas]
        assert one == other


async def test_incompatible_schemas_registered_at_once_never_stand_side_by_side(
    replicas: tuple[Replica, Replica],
) -> None:
    bodies = [
        {"schema": json.dumps({"type": "record", "name": "R", "fields": [{"name": f"f{number}", "type": "int"}]})}
        for number in range(10)
    ]
    answers = await asyncio.gather(
        *(replicas[number % 2].http.post("/subjects/s/versions", json=body) for number, body in enumerate(bodies))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9


async def test_what_one_replica_answered_no_other_denies(replicas: tuple[Replica, Replica]) -> None:
    writer, reader = replicas
    for number in range(30):
        schema_id = await register(writer, f"s{number}", avro(f"R{number}"))
        by_id, latest, lookup = await asyncio.gather(
            reader.http.get(f"/schemas/ids/{schema_id}"),
            reader.http.get(f"/subjects/s{number}/versions/latest"),
            reader.http.post(f"/subjects/s{number}", json=avro(f"R{number}")),
        )
        assert [by_id.status_code, latest.status_code, lookup.status_code] == [200, 200, 200]
        assert latest.json()["id"] == lookup.json()["id"] == schema_id
        deleted = await reader.http.delete(f"/subjects/s{number}")
        assert deleted.json() == [1]


async def test_a_replica_reads_its_own_writes(replicas: tuple[Replica, Replica]) -> None:
    for number in range(30):
        replica = replicas[number % 2]
        await register(replica, f"s{number}", avro("R"))
        assert f"s{number}" in (await replica.http.get("/subjects")).json()
        level = "FULL" if number % 2 else "NONE"
        await replica.http.put("/config", json={"compatibility": level})
        assert (await replica.http.get("/config")).json() == {"compatibilityLevel": level}


async def test_deaths_of_etcd_in_mid_traffic_lose_and_double_nothing(own_etcd: Etcd, tmp_path: Path) -> None:
    cluster = uuid.uuid4().hex
    async with AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(run_replica(own_etcd.endpoint, cluster, tmp_path)) for _ in range(2)
        ]

        async def insist(number: int) -> int:
            async def attempt() -> int:
                return await register(replicas[number % 2], f"s{number}", avro(f"R{number}"))

            return await aeventually(attempt, timeout=90, message=f"schema {number} is registered")

        await register(replicas[0], "before", avro("Before"))
        writers = [asyncio.create_task(insist(number)) for number in range(100)]
        for _ in range(2):
            await asyncio.sleep(0.1)
            await asyncio.to_thread(own_etcd.kill9)
            # What is known is served while etcd is away.
            assert (await replicas[1].http.get("/schemas/ids/1")).status_code == 200
            await asyncio.to_thread(own_etcd.start)
        ids = await asyncio.gather(*writers)
        assert sorted(ids) == list(range(2, 102))
        for number, schema_id in enumerate(ids):
            for replica in replicas:
                answer = (await replica.http.get(f"/subjects/s{number}/versions/latest")).json()
                assert (answer["id"], answer["version"]) == (schema_id, 1)


async def test_without_etcd_writes_and_misses_say_so_instead_of_guessing(own_etcd: Etcd, tmp_path: Path) -> None:
    async with run_replica(own_etcd.endpoint, uuid.uuid4().hex, tmp_path) as replica:
        await asyncio.to_thread(own_etcd.kill9)
        write, miss = await asyncio.gather(
            replica.http.post("/subjects/s/versions", json=avro("R")), replica.http.get("/schemas/ids/9")
        )
        assert [write.status_code, miss.status_code] == [500, 500]
        assert write.json()["error_code"] in (50001, 50002)
        await asyncio.to_thread(own_etcd.start)


async def test_starts_with_many_schemas(etcd: Etcd, tmp_path: Path) -> None:
    cluster, count = uuid.uuid4().hex, 20_000
    keys = RegistryKeys(cluster)
    async with EtcdClient(EtcdConfig((etcd.endpoint,))) as client:

        async def put(first: int) -> None:
            operations = []
            for number in range(first, first + 50):
                content = SchemaContent(SchemaType.AVRO, avro(f"R{number}", "a", "b", "c")["schema"])
                operations.append(
                    Op.put(keys.schema(number), StoredSchema(number, content, content.digest()).to_json())
                )
                subject = StoredSubject((StoredVersion(1, number),))
                operations.append(Op.put(keys.subject(f"s{number}"), subject.to_json()))
            await client.txn([], operations)

        for start in range(1, count, 1_000):
            await asyncio.gather(*(put(first) for first in range(start, start + 1_000, 50)))
        await client.put(keys.head, Head(count).to_json())
    async with run_replica(etcd.endpoint, cluster, tmp_path) as replica:
        assert len((await replica.http.get("/subjects")).json()) == count
        assert await register(replica, "new", avro("New")) == count + 1


async def test_a_schema_deleted_for_good_is_gone_and_its_id_is_not_given_again(
    replicas: tuple[Replica, Replica],
) -> None:
    one, other = replicas
    for number in range(150):
        await register(one, "s", avro("R", f"f{number}"))
    await register(one, "t", avro("R", "f7"))
    assert len((await other.http.delete("/subjects/s")).json()) == 150
    assert (await one.http.get("/schemas/ids/1")).status_code == 200
    assert len((await one.http.delete("/subjects/s?permanent=true")).json()) == 150
    for replica in replicas:
        found = [
            schema_id
            for schema_id in range(1, 151)
            if (await replica.http.get(f"/schemas/ids/{schema_id}")).status_code == 200
        ]
        assert found == [8]
    assert await register(other, "s", avro("R", "f0")) == 151
