"""From a configuration as a user gives it to one that may be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.api.common.v1 import common_pb2
from tidegate.api.worker.v1 import worker_pb2
from tidegate.config.redaction import HIDDEN
from tidegate.config.secrets import SecretBox, hide_secrets, seal_secrets
from tidegate.control import ConnectorState, ConnectorType
from tidegate.errors import ConfigError, ConfigProblem
from tidegate.etcd.keyspace import quote_segment
from tidegate_coordinator.worker_calls import WorkerCalls


@dataclass(frozen=True)
class CheckedConfig:
    """A configuration that a worker found usable.

    Args:
        config: with its name; literal secrets sealed.
        password_keys: names of the keys whose values are secret.
        type: source or sink.
    """

    config: dict[str, str]
    password_keys: list[str]
    type: ConnectorType


def named(name: str, config: Mapping[str, str]) -> dict[str, str]:
    """The configuration with the connector's name in it.

    Raises:
        ConfigError: the name is unusable, or the configuration names another one.
    """
    quote_segment(name)
    if config.get("name", name) != name:
        raise ConfigError(
            [
                ConfigProblem(
                    "name", f"{config['name']!r} is not the connector's name {name!r}. Leave it out, or correct it."
                )
            ]
        )
    return {**config, "name": name}


def with_stored_secrets(config: Mapping[str, str], stored: ConnectorState | None) -> dict[str, str]:
    """The configuration with ``[hidden]`` replaced by the secret it stands for, as stored, where there is one."""
    if stored is None:
        return dict(config)
    shown = hide_secrets(stored.config, stored.password_keys)
    return {
        key: stored.config[key] if value == HIDDEN and shown.get(key) == HIDDEN else value
        for key, value in config.items()
    }


async def check_config(workers: WorkerCalls, box: SecretBox, config: Mapping[str, str]) -> CheckedConfig:
    """Have a worker check a configuration, and seal its secrets.

    Args:
        workers: asked.
        box: seals.
        config: with its name, stored secrets put back.

    Raises:
        ConfigError: it is unusable; all problems.
        NoWorkerError: no worker is alive to check it.
    """
    answer = await workers.validate(config)
    problems = problems_of(answer)
    problems += [
        ConfigProblem(key, f"{HIDDEN} stands for a stored secret, and none is stored. Give the secret itself.")
        for key in answer.password_keys
        if config.get(key) == HIDDEN
    ]
    if problems:
        raise ConfigError(problems)
    kind: ConnectorType = "sink" if answer.type == common_pb2.CONNECTOR_TYPE_SINK else "source"
    return CheckedConfig(seal_secrets(config, answer.password_keys, box), sorted(answer.password_keys), kind)


def problems_of(answer: worker_pb2.ValidateResponse) -> list[ConfigProblem]:
    """What a validation found wrong."""
    return [ConfigProblem(entry.name, error) for entry in answer.validation.entries for error in entry.errors]
