from __future__ import annotations

import socket

from tidegate.devstack.ports import LOOPBACK, free_port, is_free


def test_ports_are_never_issued_twice() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == len(ports)


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_a_port_whose_last_connection_is_in_time_wait_is_free() -> None:
    with socket.create_server((LOOPBACK, free_port())) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((LOOPBACK, port))
        accepted, _ = server.accept()
        accepted.close()
        client.close()
    assert is_free(port)


def test_a_companion_port_is_kept_for_the_caller() -> None:
    port = free_port(companion_offset=10_000)
    assert is_free(port + 10_000)
    assert free_port(companion_offset=10_000) not in {port, port + 10_000}
