"""Free TCP ports on the loopback interface."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
import threading
from pathlib import Path
from typing import IO

LOOPBACK = "127.0.0.1"

_LOWEST = 15_000
_HIGHEST = 60_000
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_DEFAULT_EPHEMERAL_START = 32_768
_random = random.SystemRandom()
_issued: set[int] = set()
_lock = threading.Lock()
_claims: IO[bytes] | None = None


def _ephemeral_start() -> int:
    try:
        return int(_EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _DEFAULT_EPHEMERAL_START


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` of the loopback interface right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too: a port with only closed connections in TIME_WAIT is free for them.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _claim(port: int) -> bool:
    """Keeps a port from other processes of this user that pick one, as long as this process lives.

    A record lock on one byte of a file: the kernel lets go of it when the process ends, however it ends.
    """
    global _claims
    if _claims is None:
        path = Path(tempfile.gettempdir()) / f"tidegate-ports-{os.getuid()}"
        # Never closed: closing any descriptor of the file would let go of all locks on it.
        _claims = path.open("ab")
    try:
        fcntl.lockf(_claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def free_port(*, companion_offset: int = 0) -> int:
    """Pick a port nothing listens on; never the same twice within this process, nor one that another process of this
    user has picked and that still lives.

    So a port stays its server's while that is down for a restart, and it lies below the kernel's ephemeral range: no
    outgoing connection can take it, nor connect to itself on it. A stranger may still take it between this call and
    the server's bind; :class:`tidegate.devstack.component.Component` picks anew when that happens.

    Args:
        companion_offset: the port this far above is free, and kept for the caller, too.

    Raises:
        OSError: no free port was found.
    """
    start = _ephemeral_start()
    lowest, highest = (_LOWEST, start) if start > _LOWEST + 1_000 else (start, _HIGHEST)
    with _lock:
        for _ in range(1_000):
            port = _random.randrange(lowest, highest - companion_offset)
            wanted = {port, port + companion_offset}
            if not wanted & _issued and all(_claim(each) and is_free(each) for each in wanted):
                _issued.update(wanted)
                return port
    raise OSError(f"no free TCP port between {lowest} and {highest} on {LOOPBACK}")
