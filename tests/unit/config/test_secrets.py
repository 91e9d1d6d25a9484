"""Secrets in connector configurations: never readable where they are stored or shown, there where they are used."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.config.redaction import HIDDEN, Redaction
from tidegate.config.secrets import SecretBox, hide_secrets, is_reference, make_key, resolve, seal_secrets
from tidegate.errors import ConfigError, ConfigProblem, FatalError, RetriableError

BOX = SecretBox(make_key())
PASSWORDS = {"connection.password"}


@given(st.text(min_size=1).filter(lambda text: "${" not in text))
def test_a_literal_secret_is_stored_unreadably_and_used_as_it_was(secret: str) -> None:
    stored = seal_secrets({"connection.password": secret, "topic": "t"}, PASSWORDS, BOX)
    assert stored["topic"] == "t"
    assert stored["connection.password"].startswith("${sealed:")
    assert resolve(stored, BOX) == {"connection.password": secret, "topic": "t"}
    assert hide_secrets(stored, PASSWORDS) == {"connection.password": HIDDEN, "topic": "t"}


def test_references_are_stored_and_shown_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "db.properties").write_text("# user=no\nuser = alice\npassword=s=ec:ret\n")
    (tmp_path / "token").write_text("abc\n")
    monkeypatch.setenv("DB_HOST", "db.example")
    config = {
        "connection.password": f"${{file:{tmp_path}/db.properties:password}}",
        "user": f"${{file:{tmp_path}/db.properties:user}}",
        "token": f"${{dir:{tmp_path}:token}}",
        "url": "jdbc:postgresql://${env:DB_HOST}:5432/x",
    }
    stored = seal_secrets(config, PASSWORDS, SecretBox(None))
    assert stored == config == hide_secrets(stored, PASSWORDS)
    assert resolve(stored, SecretBox(None)) == {
        "connection.password": "s=ec:ret",
        "user": "alice",
        "token": "abc",
        "url": "jdbc:postgresql://db.example:5432/x",
    }


def test_a_secret_beside_a_reference_is_sealed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALT", "salt")
    stored = seal_secrets({"connection.password": "hunter2${env:SALT}"}, PASSWORDS, BOX)
    assert "hunter2" not in str(stored)
    assert resolve(stored, BOX) == {"connection.password": "hunter2salt"}
    assert not is_reference("hunter2${env:SALT}")


def test_without_a_key_a_literal_secret_is_refused_with_the_remedy_and_without_the_secret() -> None:
    with pytest.raises(ConfigError) as caught:
        seal_secrets({"connection.password": "hunter2"}, PASSWORDS, SecretBox(None))
    assert [problem.key for problem in caught.value.problems] == ["connection.password"]
    assert "tidegate secret-key" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_all_that_can_not_be_resolved_is_named(tmp_path: Path) -> None:
    config = {
        "a": "${env:TIDEGATE_NO_SUCH}",
        "b": f"${{file:{tmp_path}/none:x}}",
        "c": f"${{dir:{tmp_path}:none}}",
        "d": f"${{dir:{tmp_path}:../x}}",
        "e": "${vault:x:y}",
        "f": SecretBox(make_key()).seal("x"),
        "g": "fine",
    }
    with pytest.raises(ConfigError) as caught:
        resolve(config, BOX)
    assert [problem.key for problem in caught.value.problems] == ["a", "b", "c", "d", "e", "f"]
    assert "another key" in str(caught.value)


def test_after_a_rotation_old_secrets_open_and_new_ones_need_the_new_key() -> None:
    old, new = make_key(), make_key()
    rotated = SecretBox(f"{new},{old}")
    assert rotated.open(SecretBox(old).seal("x")) == "x"
    assert SecretBox(new).open(rotated.seal("y")) == "y"
    with pytest.raises(ConfigError):
        SecretBox(old).open(rotated.seal("y"))


def test_what_was_resolved_is_taken_out_of_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_URL", "jdbc:postgresql://shop:hunter2-in-it@db/shop")
    stored = {"connection.url": "${env:SHOP_URL}", "connection.password": BOX.seal("hunter2"), "topic": "orders"}
    redaction = Redaction()
    resolved = resolve(stored, BOX, redaction=redaction)
    with pytest.raises(ConfigError) as wrong, redaction.over_errors():
        raise ConfigError([ConfigProblem("connection.url", f"{resolved['connection.url']!r} is none for orders")])
    assert [each.message for each in wrong.value.problems] == ["'${env:SHOP_URL}' is none for orders"]
    redaction.add("tidegate", "${env:DB_USER}")
    assert redaction.hide('user "tidegate" in tidegate/errors.py') == 'user "${env:DB_USER}" in tidegate/errors.py'
    with pytest.raises(FatalError, match=r"KeyError: '\[hidden\]'"), redaction.over_errors():
        raise KeyError(resolved["connection.password"])
    with pytest.raises(RetriableError, match=r"^\[hidden\] is refused\. Ask orders\.$"), redaction.over_errors():
        raise RetriableError("hunter2 is refused.", remedy="Ask orders.")
