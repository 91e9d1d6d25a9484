"""A small HTTP server that speaks the KV version 2 protocol of HashiCorp Vault as documented.

It is not HashiCorp Vault: that program is under a licence that keeps it out of this repository's tests.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hvs.test-token"
PASSWORD = "hunter2-s3cret"


class KeyValueServer:
    """Secrets by mount and path; ``failures`` are statuses to answer first."""

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, Any]] = {"secret/data/team/orders": {"password": PASSWORD, "port": 5432}}
        self.failures: list[int] = []
        self.requests: list[tuple[str, str | None]] = []
        self.address = ""

    def answer(self, path: str, token: str | None) -> tuple[int, Any]:
        self.requests.append((path, token))
        if self.failures:
            return self.failures.pop(0), {"errors": [f"internal detail {PASSWORD}"]}
        if token != TOKEN:
            return 403, {"errors": ["permission denied"]}
        found = self.secrets.get(path.removeprefix("/v1/"))
        if found is None:
            return 404, {"errors": []}
        return 200, {"request_id": "r", "data": {"data": found, "metadata": {"version": 1, "destroyed": False}}}


@contextmanager
def key_value_server() -> Iterator[KeyValueServer]:
    """Serves until the end of the block."""
    served = KeyValueServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = served.answer(self.path, self.headers.get("X-Vault-Token"))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        served.address = f"http://127.0.0.1:{http.server_address[1]}"
        yield served
        http.shutdown()
        thread.join()
