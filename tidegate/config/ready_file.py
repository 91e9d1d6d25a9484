"""The file by which a service tells where it serves, for whoever started it on port 0."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write_ready_file(path: Path | None, **addresses: str) -> None:
    """Write ``{"grpc": "host:port", ...}``, whole or not at all; call it when the service serves.

    Args:
        path: the setting ``ready_file``; None writes nothing.
        addresses: bound addresses by kind: ``grpc``, ``rest``, ``metrics``; empty ones are left out.
    """
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps({kind: address for kind, address in addresses.items() if address}))
    temporary.replace(path)


def read_ready_file(path: Path) -> dict[str, str] | None:
    """What a service wrote; None while it has not."""
    try:
        content: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return content
