"""References are resolved in the task's process alone: what they stand for is in no log, in etcd and in no status."""

from __future__ import annotations

from pathlib import Path

import orjson
from confluent_kafka import Producer

from tests.integration.worker.lab import DEADLINE, Lab
from tests.support.eventually import eventually
from tests.support.vault_server import PASSWORD, TOKEN, key_value_server
from tidegate.etcd import EtcdClient


async def test_a_secret_of_vault_reaches_the_task_and_nothing_else(lab: Lab, tmp_path: Path) -> None:
    topic = lab.topic()
    producer = Producer({"bootstrap.servers": lab.broker.bootstrap_servers})
    producer.produce(topic, orjson.dumps({"n": 1}))
    producer.flush(DEADLINE)
    (tmp_path / "token").write_text(TOKEN)
    secret_file = tmp_path / PASSWORD
    with key_value_server() as vault:
        vault.secrets["secret/data/team/sink"] = {"file": str(secret_file)}
        flags = [
            f"--config-providers=vault.param.address={vault.address}",
            f"--config-providers=vault.param.token.file={tmp_path / 'token'}",
        ]
        config = {
            "connector.class": "file-sink",
            "topics": topic,
            "file": "${vault:secret/team/sink:file}",
            "offset.flush.interval.ms": "200",
        }
        with lab.worker("w1", *flags) as worker:
            await lab.deploy("secretive", config, type_="sink")
            eventually(lambda: secret_file.exists() and b'"n":1' in secret_file.read_bytes(), timeout=DEADLINE)
            await lab.deploy("mistaken", {**config, "file": "${vault:secret/team/sink:files}"}, type_="sink")
            failed = await lab.reaches("mistaken", "FAILED")
            log = worker.process.log_path.read_text(errors="replace")
    for part in ("file", "provider 'vault'", "no key 'files'", "Add it there"):
        assert part in failed.trace, failed.trace
    stored = await _everything(lab.client)
    for secret in (PASSWORD, TOKEN):
        assert secret not in log and secret not in stored and secret not in failed.trace
    assert "secretive" in stored and "${vault:secret/team/sink:file}" in stored


async def _everything(client: EtcdClient) -> str:
    found = await client.range("/tidegate/")
    return "\n".join(f"{each.key} {each.value!r}" for each in found.kvs)
