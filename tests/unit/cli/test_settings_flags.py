"""Flags made from settings."""

from __future__ import annotations

from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tidegate.cli.service import SERVICES
from tidegate.cli.settings_flags import with_settings_flags
from tidegate.config.settings import ServiceSettings, WorkerSettings


def parse(*arguments: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def command(flags: dict[str, Any], extra: str = "") -> None:
        seen.update(flags)

    app = typer.Typer()
    app.command()(with_settings_flags(WorkerSettings, command))
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return seen


def test_what_is_given_arrives_under_its_settings_name() -> None:
    assert parse() == {}
    assert parse("--slots=3", "--etcd-endpoints=a:1,b:2", "--etcd-request-timeout", "2.5") == {
        "slots": 3,
        "etcd": {"endpoints": "a:1,b:2", "request_timeout": 2.5},
    }
    assert parse("--kafka", "bootstrap.servers=a:1", "--kafka", "sasl.password=a=b", "--extra=x") == {
        "kafka": {"bootstrap.servers": "a:1", "sasl.password": "a=b"}
    }


@pytest.mark.parametrize("kind", [kind for kind, _ in SERVICES.values()])
def test_every_setting_has_a_flag_that_says_its_variable_except_secrets(kind: type[ServiceSettings]) -> None:
    app = typer.Typer()
    app.command()(with_settings_flags(kind, lambda flags: None))
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "400", "TERMINAL_WIDTH": "400"}).output
    for name in kind.model_fields:
        if name in ("etcd", "secret_key"):
            continue
        assert f"--{name.replace('_', '-')} " in shown
        assert f"TIDEGATE_{name.upper()}" in shown
    assert "--etcd-endpoints" in shown
    assert "--secret-key " not in shown
    assert "--etcd-password" not in shown
