"""Connector files: Kafka Connect's ``{name, config}``, or a flat configuration with its name in it, as YAML or JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.config.yaml_file import read_yaml_mapping
from tidegate.errors import ConfigError, ConfigProblem


@dataclass(frozen=True)
class ConnectorFile:
    """A connector to deploy.

    Args:
        name: its name.
        config: its configuration, all values as text.
    """

    name: str
    config: dict[str, str]


def read_connector_file(path: Path) -> ConnectorFile:
    """Reads a connector's name and configuration.

    Numbers and booleans become text, lists become comma-separated text, keys without a value are left out.

    Raises:
        ConfigError: the file is unusable, or keys hold what a configuration can not; names each.
    """
    content = read_yaml_mapping(path)
    nested = content.get("config")
    if isinstance(nested, dict):
        unknown = sorted(set(content) - {"name", "config", "initial_state"})
        if unknown:
            problem = "stands beside config. Move it into config."
            raise ConfigError([ConfigProblem(key, problem) for key in unknown])
    given = {str(key): value for key, value in (nested if isinstance(nested, dict) else content).items()}
    name = content.get("name", given.get("name"))
    problems = [] if name else [ConfigProblem("name", f"is missing in {path}. Give the connector a name.")]
    config: dict[str, str] = {}
    for key, value in given.items():
        try:
            text = _text(value)
        except ValueError as error:
            problems.append(ConfigProblem(key, str(error)))
            continue
        if text is not None:
            config[key] = text
    if problems:
        raise ConfigError(problems)
    return ConnectorFile(str(name), {"name": str(name), **config})


def _text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case dict():
            raise ValueError("holds nested keys. Write them out with dots, as a.b: value.")
        case list():
            return ",".join(text for text in map(_text, value) if text is not None)
        case _:
            return str(value)
