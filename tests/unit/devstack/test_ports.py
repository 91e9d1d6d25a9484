from __future__ import annotations

import socket
import subprocess
import sys

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


def test_a_port_that_another_process_has_picked_is_not_picked() -> None:
    mine = free_port()
    no_other = (
        "from tidegate.devstack import ports\n"
        f"ports._ephemeral_start = lambda: {mine}\n"
        f"ports._LOWEST, ports._HIGHEST = {mine}, {mine + 1}\n"
        "ports.free_port()"
    )
    done = subprocess.run([sys.executable, "-c", no_other], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "no free TCP port" in done.stderr
