"""What an etcd configuration accepts, and how it names what it does not."""

from __future__ import annotations

import pytest

from tidegate.errors import ConfigError
from tidegate.etcd import EtcdConfig


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("etcd-1:2379", "etcd-1:2379"),
        ("etcd-1", "etcd-1:2379"),
        ("http://etcd-1:12379/", "etcd-1:12379"),
        ("https://10.0.0.1:2379", "10.0.0.1:2379"),
        ("[::1]:2379", "[::1]:2379"),
    ],
)
def test_endpoints_become_addresses(endpoint: str, address: str) -> None:
    assert EtcdConfig((endpoint,)).addresses == (address,)


def test_tls_is_spoken_when_a_scheme_or_file_asks_for_it() -> None:
    assert EtcdConfig(("https://etcd:2379",)).tls
    assert EtcdConfig(("etcd:2379",), ca_file="ca.pem").tls
    assert not EtcdConfig(("http://etcd:2379", "other")).tls


@pytest.mark.parametrize("endpoint", ["", "ftp://etcd:2379", "etcd:port", "etcd:99999", "etcd/path", "user@etcd:2379"])
def test_a_malformed_endpoint_is_named(endpoint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        EtcdConfig((endpoint,))
    assert [problem.key for problem in caught.value.problems] == ["endpoints"]
    assert repr(endpoint) in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        EtcdConfig((), cert_file="c.pem", username="me", request_timeout=0)
    keys = [problem.key for problem in caught.value.problems]
    assert keys == ["endpoints", "cert_file", "username", "request_timeout"]


def test_schemes_cannot_be_mixed() -> None:
    with pytest.raises(ConfigError, match="contradicts TLS"):
        EtcdConfig(("https://a:2379", "http://b:2379"))
