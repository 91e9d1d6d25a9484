"""Where etcd is and how to talk to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tidegate.errors import ConfigError, ConfigProblem

DEFAULT_PORT = 2379


@dataclass(frozen=True)
class EtcdConfig:
    """Endpoints and credentials of one etcd cluster.

    Args:
        endpoints: members as ``host:port``, optionally ``http(s)://host:port``; the port defaults to 2379. Names are
            resolved again at each reconnect. With several, requests move on from a member that does not answer.
        ca_file: PEM file of the authority that signed the servers' certificates; given, or with ``https://``, TLS is
            spoken. None: the system's authorities.
        cert_file: PEM file of the client's certificate chain, for servers that ask for one; with ``key_file``.
        key_file: PEM file of the client's private key; with ``cert_file``.
        username: etcd user; with ``password``.
        password: the user's password; never logged.
        request_timeout: seconds a request may take in all, over every retry and endpoint.

    Raises:
        ConfigError: an endpoint is malformed, schemes are mixed, or one half of a pair is missing.
    """

    endpoints: tuple[str, ...]
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    request_timeout: float = 5.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoints", tuple(self.endpoints))
        problems = _problems(self)
        if problems:
            raise ConfigError(problems)

    @property
    def tls(self) -> bool:
        """Whether the servers are spoken to over TLS."""
        secured = self.ca_file is not None or self.cert_file is not None
        return secured or any(endpoint.startswith("https://") for endpoint in self.endpoints)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The endpoints as ``host:port``, IPv6 hosts in brackets."""
        return tuple(_address(endpoint) for endpoint in self.endpoints)


def _address(endpoint: str) -> str:
    parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    host = parts.hostname
    if not host:
        raise ValueError("has no host name")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("has more than a host and a port")
    if parts.scheme not in ("", "http", "https"):
        raise ValueError("has a scheme other than http or https")
    port = DEFAULT_PORT if parts.port is None else parts.port
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _problems(config: EtcdConfig) -> list[ConfigProblem]:
    problems: list[ConfigProblem] = []
    if not config.endpoints:
        problems.append(ConfigProblem("endpoints", "is empty. Name at least one etcd member as host:port."))
    for endpoint in config.endpoints:
        try:
            _address(endpoint)
        except ValueError as error:
            problems.append(
                ConfigProblem("endpoints", f"{endpoint!r} is not host:port: {error}. Write it like etcd-1:2379.")
            )
    if config.tls and any(endpoint.startswith("http://") for endpoint in config.endpoints):
        problems.append(
            ConfigProblem("endpoints", "http:// contradicts TLS. Use https:// for all, or drop the certificate files.")
        )
    if (config.cert_file is None) != (config.key_file is None):
        problems.append(ConfigProblem("cert_file", "needs key_file, and the other way round. Give both or neither."))
    if (config.username is None) != (config.password is None):
        problems.append(ConfigProblem("username", "needs password, and the other way round. Give both or neither."))
    if not config.request_timeout > 0:
        problems.append(
            ConfigProblem("request_timeout", f"{config.request_timeout} is not a positive number of seconds.")
        )
    return problems
