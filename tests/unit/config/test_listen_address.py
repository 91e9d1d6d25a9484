"""Addresses as users write them and peers dial them."""

from __future__ import annotations

import socket

import pytest

from tidegate.config.listen_address import Address, advertised_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("a:1", "a", 1), (":8083", "0.0.0.0", 8083), ("[::1]:0", "::1", 0), ("10.0.0.1:65535", "10.0.0.1", 65535)],
)
def test_addresses_are_read(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)


@pytest.mark.parametrize("text", ["", "a", "a:", "a:b", "a:65536", "a:-1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("bound", "configured", "advertised"),
    [
        ("127.0.0.1:5", None, "127.0.0.1:5"),
        ("0.0.0.0:5", None, f"{socket.gethostname()}:5"),
        ("0.0.0.0:5", "worker-1", "worker-1:5"),
        ("0.0.0.0:5", "outside:77", "outside:77"),
        ("[::1]:5", None, "[::1]:5"),
    ],
)
def test_peers_are_told_an_address_they_can_dial(bound: str, configured: str | None, advertised: str) -> None:
    assert advertised_address(bound, configured) == advertised
