"""docker-compose.yml as Docker's own parser reads it: complete, healthy in order, and nothing in it misspelt."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tidegate.cli.connector_file import read_connector_file
from tidegate.cli.service import SERVICES
from tidegate.config.load import load_settings
from tidegate.config.secrets import SecretBox, resolve

ROOT = Path(__file__).parents[2]
ONE_SHOT = {"demo-data"}
OWN = ("coordinator", "registry", "worker")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file as Docker Compose resolves it."""
    program = Path(sys.executable).with_name("docker-compose")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TIDEGATE_")}
    done = subprocess.run(
        [program, "--file", ROOT / "docker-compose.yml", "config", "--format", "json"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "Docker Compose warns"
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def kinds(compose: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in compose["services"]:
        found.setdefault(re.sub(r"-\d+$", "", name), []).append(name)
    return found


def own_services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in compose["services"].items() if name.rsplit("-", 1)[0] in OWN}


def test_every_part_is_there_in_its_number(compose: dict[str, Any]) -> None:
    counts = {kind: len(names) for kind, names in kinds(compose).items()}
    assert counts == {
        "etcd": 3, "kafka": 1, "s3": 1, "postgres": 1, "registry": 2, "coordinator": 2, "worker": 3, "demo-data": 1,
    }  # fmt: skip
    assert compose["services"]["kafka"]["image"] == "apache/kafka:4.1.0"
    assert len({service["image"] for service in own_services(compose).values()}) == 1


def test_everything_that_stays_up_has_a_health_check_and_restarts(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name not in ONE_SHOT:
            assert service["healthcheck"]["test"][0] == "CMD", name
            assert service["restart"] == "unless-stopped", name


def test_nothing_starts_before_what_it_needs_is_healthy(compose: dict[str, Any]) -> None:
    needs = {name: set(service.get("depends_on", {})) for name, service in compose["services"].items()}
    etcd = {"etcd-1", "etcd-2", "etcd-3"}
    for name in own_services(compose):
        assert etcd <= needs[name], name
        if name.startswith("worker"):
            assert {"kafka", "registry-1", "registry-2"} <= needs[name]
    for name, service in compose["services"].items():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy", (name, other)


def test_every_variable_and_flag_of_our_services_is_a_real_setting(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, service in own_services(compose).items():
        kind, *flags = service["command"]
        settings_class = SERVICES[kind][0]
        given = {flag.removeprefix("--").split("=")[0].replace("-", "_"): flag.split("=", 1)[1] for flag in flags}
        variables = {key: value for key, value in service["environment"].items() if key.startswith("TIDEGATE_")}
        for variable in variables:
            field = variable.removeprefix("TIDEGATE_").lower().split("__")[0]
            assert field in settings_class.model_fields, f"{name}: {variable} is no setting of {kind}"
        with monkeypatch.context() as patch:
            for variable in [key for key in os.environ if key.startswith("TIDEGATE_")]:
                patch.delenv(variable)
            for variable, value in variables.items():
                patch.setenv(variable, value)
            settings = load_settings(settings_class, given)
        assert settings.metrics_listen.endswith(":9404")
        assert "9404/health" in service["healthcheck"]["test"][-1]
        settings.secret_box().seal("x")


def test_addresses_name_services_of_the_file(compose: dict[str, Any]) -> None:
    for name, service in own_services(compose).items():
        environment = service["environment"]
        addresses = [environment["TIDEGATE_ETCD__ENDPOINTS"]]
        addresses += [environment[key] for key in environment if key in ("TIDEGATE_REGISTRY_URLS", "LAKE_ENDPOINT")]
        addresses += [environment[key] for key in environment if key.endswith("BOOTSTRAP_SERVERS")]
        for address in ",".join(addresses).split(","):
            host = re.sub(r"^\w+://", "", address).split(":")[0]
            assert host in compose["services"], f"{name}: {address}"


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_find_their_references_on_every_worker(
    example: Path, compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = read_connector_file(example).config
    for name in kinds(compose)["worker"]:
        with monkeypatch.context() as patch:
            for key, value in compose["services"][name]["environment"].items():
                patch.setenv(key, value)
            assert not any("${" in value for value in resolve(config, SecretBox(None)).values())


def test_the_image_has_what_the_commands_name(compose: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "USER tidegate" in dockerfile
    assert 'ENTRYPOINT ["tidegate"]' in dockerfile
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        for path in source.split():
            assert (ROOT / path).exists(), path
