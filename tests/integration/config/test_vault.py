"""The Vault provider against an HTTP server of the test that speaks its protocol; see tests/support/vault_server.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.vault_server import PASSWORD, TOKEN, KeyValueServer, key_value_server
from tidegate.config.secrets import SecretBox, resolve
from tidegate.errors import ConfigError, RetriableError


@pytest.fixture
def vault() -> Iterator[KeyValueServer]:
    with key_value_server() as served:
        yield served


@pytest.fixture
def keys(vault: KeyValueServer, tmp_path: Path) -> dict[str, str]:
    """The worker's setting config_providers."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return {
        "vault.param.address": vault.address,
        "vault.param.token.file": str(tmp_path / "token"),
        "vault.param.retry.timeout.ms": "3000",
    }


def resolved(keys: dict[str, str], **config: str) -> dict[str, str]:
    return resolve(config, SecretBox(None), keys)


def test_the_keys_of_a_secret_are_read_with_one_request(vault: KeyValueServer, keys: dict[str, str]) -> None:
    found = resolved(keys, a="${vault:secret/team/orders:password}", b="db:${vault:secret/team/orders:port}/x", c="d")
    assert found == {"a": PASSWORD, "b": "db:5432/x", "c": "d"}
    assert vault.requests == [("/v1/secret/data/team/orders", TOKEN)]


def test_a_server_that_stumbles_is_asked_again_within_the_budget(vault: KeyValueServer, keys: dict[str, str]) -> None:
    vault.failures = [503, 429, 500]
    assert resolved(keys, a="${vault:secret/team/orders:password}") == {"a": PASSWORD}
    assert len(vault.requests) == 4


def test_a_server_that_stays_away_is_a_matter_of_trying_the_task_again(
    vault: KeyValueServer, keys: dict[str, str]
) -> None:
    vault.failures = [503] * 1000
    with pytest.raises(RetriableError, match="503") as caught:
        resolved({**keys, "vault.param.retry.timeout.ms": "300"}, a="${vault:secret/team/orders:password}")
    assert PASSWORD not in str(caught.value) and TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("${vault:secret/team/none:password}", "no secret at 'secret/team/none'"),
        ("${vault:secret/team/orders:user}", "no key 'user' at 'secret/team/orders'"),
        ("${vault:secret:password}", "mount/path"),
    ],
)
def test_what_is_missing_is_named_with_key_provider_and_remedy(
    vault: KeyValueServer, keys: dict[str, str], reference: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(keys, **{"connection.password": reference})
    (problem,) = caught.value.problems
    assert problem.key == "connection.password"
    assert said in problem.message and "provider 'vault'" in problem.message and reference in problem.message


def test_a_token_that_is_refused_or_missing_is_named_but_not_shown(
    vault: KeyValueServer, keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("another-token")
    with pytest.raises(ConfigError, match="may not read") as caught:
        resolved(keys, a="${vault:secret/team/orders:password}")
    assert "another-token" not in str(caught.value)
    for name in ("VAULT_TOKEN", "VAULT_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="needs a token"):
        resolved({"vault.param.address": vault.address}, a="${vault:secret/team/orders:password}")
