"""The settings of each service, from flags, environment and a YAML file, in that order of precedence."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from tidegate.config.listen_address import Address
from tidegate.config.secrets import SecretBox
from tidegate.etcd.config import EtcdConfig
from tidegate.telemetry.logging import LogFormat, LogLevel

ENV_PREFIX = "TIDEGATE_"
NESTING = "__"

FILE_CONTENT: ContextVar[Mapping[str, Any] | None] = ContextVar("FILE_CONTENT", default=None)
"""Values of the settings file being loaded; see :func:`tidegate.config.load.load_settings`."""


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _check_listen(value: str) -> str:
    if value:
        Address.parse(value)
    return value


def _read_key(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ValueError(f"{path} can not be read: {error.strerror}. Check the path and its permissions.") from None


def _make_id() -> str:
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


class EtcdSettings(BaseModel):
    """Where etcd is and how to talk to it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    endpoints: Annotated[list[str], NoDecode] = Field(
        default=["127.0.0.1:2379"], description="Members as host:port, optionally with http:// or https://."
    )
    ca_file: str | None = Field(default=None, description="PEM file of the authority that signed etcd's certificates.")
    cert_file: str | None = Field(default=None, description="PEM file of the client certificate; needs key_file.")
    key_file: str | None = Field(default=None, description="PEM file of the client's private key; needs cert_file.")
    username: str | None = Field(default=None, description="etcd user; needs password.")
    password: SecretStr | None = Field(default=None, description="The etcd user's password.")
    request_timeout: float = Field(default=5.0, gt=0, description="Seconds one request may take, retries included.")

    @field_validator("endpoints", mode="before")
    @classmethod
    def _split_endpoints(cls, value: object) -> object:
        return _split(value)

    def client_config(self) -> EtcdConfig:
        """The same for :mod:`tidegate.etcd`.

        Raises:
            ConfigError: an endpoint is malformed or one half of a pair is missing.
        """
        return EtcdConfig(
            endpoints=tuple(self.endpoints),
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            username=self.username,
            password=self.password.get_secret_value() if self.password else None,
            request_timeout=self.request_timeout,
        )


class ServiceSettings(BaseSettings):
    """What every service has."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=NESTING,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    cluster: str = Field(
        default="tidegate",
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Name of the cluster; clusters of different names may share etcd and Kafka.",
    )
    etcd: EtcdSettings = Field(default_factory=EtcdSettings, description="The etcd cluster.")
    grpc_listen: str = Field(default="127.0.0.1:0", description="host:port the gRPC API listens on; port 0 takes any.")
    advertised_address: str | None = Field(
        default=None,
        description="host:port (or host alone) by which other services reach the gRPC API; by default what it is "
        "bound to, or this machine's name when bound to every interface.",
    )
    metrics_listen: str = Field(
        default="",
        description="host:port for /metrics and /health; empty for none of its own (a service with a REST API serves "
        "them there as well).",
    )
    log_level: LogLevel = Field(default="info", description="Least severity that is logged.")
    log_format: LogFormat = Field(default="json", description="json, one object a line, or console, for people.")
    secret_key: SecretStr | None = Field(
        default=None,
        description="Key that seals passwords of connector configurations before they are stored in etcd; the same "
        "on every coordinator and worker; make one with `tidegate secret-key`. Several, separated by commas: "
        "the first seals, all open (for rotation).",
    )
    secret_key_file: Path | None = Field(default=None, description="File that holds secret_key.")
    otlp_endpoint: str | None = Field(
        default=None, description="OpenTelemetry collector (gRPC) that gets traces, such as http://collector:4317."
    )
    ready_file: Path | None = Field(
        default=None, description="File in which the service writes its bound addresses as JSON when it serves."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        file = InitSettingsSource(settings_cls, init_kwargs=dict(FILE_CONTENT.get() or {}))
        return init_settings, env_settings, file

    @field_validator("grpc_listen", "metrics_listen", "rest_listen", check_fields=False)
    @classmethod
    def _check_addresses(cls, value: str) -> str:
        return _check_listen(value)

    @field_validator("secret_key")
    @classmethod
    def _check_secret_key(cls, value: SecretStr | None) -> SecretStr | None:
        SecretBox.check(value.get_secret_value() if value else None)
        return value

    @field_validator("secret_key_file")
    @classmethod
    def _check_secret_key_file(cls, value: Path | None) -> Path | None:
        SecretBox.check(_read_key(value) if value else None)
        return value

    @model_validator(mode="after")
    def _check_one_secret_key(self) -> ServiceSettings:
        if self.secret_key is not None and self.secret_key_file is not None:
            raise ValueError("secret_key and secret_key_file are both given. Keep one of them.")
        return self

    def secret_box(self) -> SecretBox:
        """Seals and opens secrets with the key of these settings; without a key it refuses to, saying why."""
        if self.secret_key_file is not None:
            return SecretBox(_read_key(self.secret_key_file))
        return SecretBox(self.secret_key.get_secret_value() if self.secret_key else None)


class CoordinatorSettings(ServiceSettings):
    """Settings of ``tidegate coordinator``."""

    replica_id: str = Field(default_factory=_make_id, description="Name of this replica, unique in the cluster.")
    rest_listen: str = Field(default="127.0.0.1:8083", description="host:port of the REST API.")
    grpc_listen: str = Field(default="127.0.0.1:8093", description="host:port of the gRPC API; port 0 takes any.")
    leader_ttl: float = Field(
        default=5.0, ge=1.0, description="Seconds after which the lease of a leader that died runs out."
    )


class RegistrySettings(ServiceSettings):
    """Settings of ``tidegate registry``."""

    replica_id: str = Field(default_factory=_make_id, description="Name of this replica, unique in the cluster.")
    rest_listen: str = Field(default="127.0.0.1:8081", description="host:port of the REST API.")
    grpc_listen: str = Field(default="127.0.0.1:8091", description="host:port of the gRPC API; port 0 takes any.")


class WorkerSettings(ServiceSettings):
    """Settings of ``tidegate worker``."""

    worker_id: str = Field(default_factory=_make_id, description="Name of this worker, unique in the cluster.")
    grpc_listen: str = Field(default="127.0.0.1:0", description="host:port of the gRPC API; port 0 takes any.")
    slots: int = Field(default=16, ge=1, description="How many tasks it takes, relative to the other workers.")
    lease_ttl: float = Field(
        default=5.0, ge=1.0, description="Seconds after which the tasks of a worker that died are given to others."
    )
    kafka: dict[str, str] = Field(
        description="librdkafka properties of every Kafka client; bootstrap.servers is required. In the environment "
        "TIDEGATE_KAFKA__BOOTSTRAP_SERVERS and so on.",
    )
    registry_urls: Annotated[list[str], NoDecode] = Field(
        default=["127.0.0.1:8091"], description="gRPC addresses (host:port) of the schema registry's replicas."
    )
    config_providers: dict[str, str] = Field(
        default={},
        description="Kafka Connect's config.providers.* keys, without that prefix: vault.class, vault.param.address. "
        "In the environment TIDEGATE_CONFIG_PROVIDERS__VAULT_PARAM_ADDRESS and so on.",
    )
    offsets_topic: str = Field(default="tidegate-offsets", description="Compacted topic of source offsets.")
    offsets_partitions: int = Field(default=25, ge=1, description="Its partitions, when it is made.")
    offsets_replication: int = Field(default=-1, description="Its replication factor; -1: the brokers' default.")
    task_memory_limit_mb: int = Field(
        default=1024, ge=64, description="Resident MiB at which a task's process is restarted."
    )
    task_heartbeat_timeout: float = Field(
        default=60.0, gt=0, description="Seconds without a sign of life after which a task's process is restarted."
    )
    shutdown_grace: float = Field(
        default=20.0, ge=0, description="Seconds the tasks have to finish and commit when the worker is stopped."
    )

    @field_validator("registry_urls", mode="before")
    @classmethod
    def _split_registry_urls(cls, value: object) -> object:
        return _split(value)

    @field_validator("kafka", "config_providers", mode="before")
    @classmethod
    def _dot_names(cls, value: object) -> object:
        if isinstance(value, dict):
            return {_property_name(str(name)): _property_value(given) for name, given in value.items()}
        return value

    @field_validator("kafka")
    @classmethod
    def _require_brokers(cls, value: dict[str, str]) -> dict[str, str]:
        if not value.get("bootstrap.servers"):
            raise ValueError("bootstrap.servers is missing. Give the brokers as host:port, separated by commas.")
        return value


def _property_name(name: str) -> str:
    # The environment can not carry dots; a property name with a dot is as the user wrote it.
    return name if "." in name else name.replace("_", ".")


def _property_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
