"""Addresses: what a server binds, and what others use to reach it."""

from __future__ import annotations

import socket
from dataclasses import dataclass

_ANY = ("", "0.0.0.0", "::", "*")  # noqa: S104  (recognised, not bound)


@dataclass(frozen=True)
class Address:
    """A host and a port.

    Args:
        host: name or IP address, IPv6 without brackets.
        port: 0 to 65535; 0 lets the system choose.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parses ``host:port``, ``[ipv6]:port`` or ``:port`` (every interface).

        Raises:
            ValueError: names the problem and the remedy.
        """
        host, colon, port = text.strip().rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not port.isdigit() or int(port) > 65_535:
            raise ValueError(f"{text!r} is not host:port. Write it like 0.0.0.0:8083, with a port from 0 to 65535.")
        return cls(host or "0.0.0.0", int(port))  # noqa: S104  (asked for by leaving the host out)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def advertised_address(bound: str, configured: str | None = None) -> str:
    """What peers should dial to reach a server.

    Args:
        bound: the address it serves on, its port known.
        configured: the setting ``advertised_address``: ``host:port``, or a host alone to take the bound port.

    Returns:
        ``host:port``; this machine's name when the server is bound to every interface and nothing is configured.
    """
    address = Address.parse(bound)
    if configured:
        bare = configured.strip()
        try:
            return str(Address.parse(bare))
        except ValueError:
            return str(Address(bare, address.port))
    if address.host in _ANY:
        return str(Address(socket.gethostname(), address.port))
    return str(address)
