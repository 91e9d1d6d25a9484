"""Config providers: plugins by name or class, and what a worker may forbid them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from tidegate.config.secrets import SecretBox, resolve
from tidegate.errors import ConfigError
from tidegate.sdk import ConfigProvider

BOX = SecretBox(None)


class ReversedProvider(ConfigProvider):
    """Gives keys backwards; a plugin as anybody may write it."""

    closed = 0
    asked: list[tuple[str, frozenset[str]]] = []  # noqa: RUF012

    def configure(self, config: Mapping[str, str]) -> None:
        self._end = config.get("end", "")

    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str]:
        self.asked.append((path, frozenset(keys)))
        return {key: key[::-1] + self._end for key in keys if key != "none"}

    def close(self) -> None:
        type(self).closed += 1


PLUGIN = {"rev.class": f"{__name__}:ReversedProvider", "rev.param.end": "!"}


def test_a_plugin_is_configured_asked_once_for_a_path_and_closed() -> None:
    ReversedProvider.asked.clear()
    closed = ReversedProvider.closed
    assert resolve({"a": "${rev:p:abc}", "b": "x${rev:p:de}", "c": "${rev:fg}"}, BOX, PLUGIN) == {
        "a": "cba!",
        "b": "xed!",
        "c": "gf!",
    }
    assert sorted(ReversedProvider.asked) == [("", frozenset({"fg"})), ("p", frozenset({"abc", "de"}))]
    assert ReversedProvider.closed == closed + 1


@pytest.mark.parametrize(
    ("reference", "providers", "said"),
    [
        ("${rev:p:none}", PLUGIN, "has no key 'none' at 'p'"),
        ("${nowhere:p:k}", {}, "is no known provider"),
        ("${rev:p:k}", {"rev.class": "no.such.module:X"}, "does not load"),
        ("${rev:p:k}", {"rev.class": "tidegate.errors:FatalError"}, "must derive from ConfigProvider"),
        ("${env:HOME}", {"env.param.allowlist.pattern": "DB_.*"}, "allowlist.pattern"),
        ("${file:/etc/passwd:root}", {"file.param.allowed.paths": "/run/secrets"}, "outside allowed.paths"),
        ("${directory:/etc:passwd}", {"directory.param.allowed.paths": "/run/secrets"}, "outside allowed.paths"),
    ],
)
def test_what_can_not_be_resolved_names_key_reference_and_remedy(
    reference: str, providers: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve({"password": reference}, BOX, providers)
    (problem,) = caught.value.problems
    assert problem.key == "password" and reference in problem.message and said in problem.message


def test_a_java_class_stands_for_the_provider_of_its_kind(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    name = "org.apache.kafka.common.config.provider.DirectoryConfigProvider"
    assert resolve({"a": f"${{k8s:{tmp_path}:password}}"}, BOX, {"k8s.class": name}) == {"a": "hunter2"}
