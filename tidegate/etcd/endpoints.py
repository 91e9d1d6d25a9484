"""The members of the etcd cluster, and which of them to ask."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Final

import grpc
import grpc.aio

from tidegate.errors import ConfigError, ConfigProblem
from tidegate.etcd.config import EtcdConfig
from tidegate.etcd.errors import EtcdUnavailableError
from tidegate.etcd.methods import Methods

# etcd refuses pings more often than every 5 s, or without a call (--grpc-keepalive-min-time; gRPC A8). A keepalive ping
# queues behind a bandwidth probe under way, and any ping is waited for a minute by default, whatever keepalive_timeout
# says: a peer that hangs is noticed in 10 s only with the two http2 options below.
_CHANNEL_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 6_000),
    ("grpc.keepalive_timeout_ms", 4_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.ping_timeout_ms", 4_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)


class EndpointDownError(EtcdUnavailableError):
    """No connection to this endpoint could be made: nothing was sent."""


class Endpoint:
    """One member with its channel, which connects when first used.

    Args:
        address: ``host:port``.
        credentials: for TLS; None for plain text.
    """

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None) -> None:
        self.address = address
        target = f"dns:///{address}"
        self._channel = (
            grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS)
            if credentials is None
            else grpc.aio.secure_channel(target, credentials, options=_CHANNEL_OPTIONS)
        )
        self.methods = Methods(self._channel)

    async def ready(self, timeout: float) -> None:
        """Wait for the connection, at most ``timeout`` seconds.

        Raises:
            EndpointDownError: it cannot be reached now.
        """
        try:
            async with asyncio.timeout(timeout):
                state = self._channel.get_state(try_to_connect=True)
                while state is not grpc.ChannelConnectivity.READY:
                    if state in (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN):
                        raise EndpointDownError(f"{self.address} cannot be reached")
                    await self._channel.wait_for_state_change(state)
                    state = self._channel.get_state(try_to_connect=True)
        except TimeoutError:
            raise EndpointDownError(f"{self.address} did not accept a connection in {timeout:.1f} s") from None

    async def close(self) -> None:
        """Close the channel; calls on it end at once."""
        await self._channel.close()


class Endpoints:
    """All members, one of them preferred until it fails.

    The first choice is random, so that clients spread over the members. Must be made inside a running event loop.

    Args:
        config: addresses and TLS files.

    Raises:
        ConfigError: a TLS file cannot be read.
    """

    def __init__(self, config: EtcdConfig) -> None:
        credentials = channel_credentials(config) if config.tls else None
        self._members = [Endpoint(address, credentials) for address in config.addresses]
        self._preferred = random.randrange(len(self._members))  # noqa: S311

    def __len__(self) -> int:
        return len(self._members)

    @property
    def preferred(self) -> Endpoint:
        """The member to ask first."""
        return self._members[self._preferred]

    def after(self, endpoint: Endpoint) -> Endpoint:
        """The member to ask when ``endpoint`` does not answer; itself if it is the only one."""
        return self._members[(self._members.index(endpoint) + 1) % len(self._members)]

    def demote(self, endpoint: Endpoint) -> None:
        """Prefer the next member if ``endpoint``, which has just failed, is the preferred one."""
        if endpoint is self.preferred:
            self._preferred = (self._preferred + 1) % len(self._members)

    async def close(self) -> None:
        """Close every channel."""
        await asyncio.gather(*(member.close() for member in self._members))


def channel_credentials(config: EtcdConfig) -> grpc.ChannelCredentials:
    """The TLS credentials of ``config``.

    Raises:
        ConfigError: a file cannot be read.
    """
    problems: list[ConfigProblem] = []

    def content(key: str, path: str | None) -> bytes | None:
        if path is None:
            return None
        try:
            return Path(path).read_bytes()
        except OSError as error:
            problems.append(ConfigProblem(key, f"{path} cannot be read: {error.strerror}. Give a readable PEM file."))
            return None

    authority = content("ca_file", config.ca_file)
    certificate = content("cert_file", config.cert_file)
    key = content("key_file", config.key_file)
    if problems:
        raise ConfigError(problems)
    return grpc.ssl_channel_credentials(root_certificates=authority, private_key=key, certificate_chain=certificate)
