"""A gateway before a real node that can refuse, lose answers, and speak TLS, as load balancers do."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpx
import orjson

_DEADLINE = 30.0
_REJECTED = {"error": {"type": "rejected_execution_exception", "reason": "too many requests at once"}, "status": 429}


class SearchGateway:
    """Passes requests on to a node, except as told; keeps what bulk requests it saw.

    Args:
        url: of the node.
        tls: to listen with.
    """

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
        gateway = self

        class Handler(_Handler):
            pass

        Handler.gateway = gateway
        self.target = url
        self.reject = 0
        """How many of the next bulk requests are refused whole with 429."""
        self.reject_items = 0
        """Of how many of the next bulk requests every second item is refused with 429."""
        self.lose_answers = 0
        """How many of the next bulk requests are passed on, and the connection cut instead of an answer given."""
        self.lose_from: int | None = None
        """From which bulk request on, counted from 0, only the first is passed on, and none answered."""
        self.hold_at: int | None = None
        """Which bulk request, counted from 0, waits to be let go."""
        self.arrived = threading.Event()
        self.going = threading.Event()
        self.most_bytes = 1 << 30
        """Larger bulk requests are refused with 413."""
        self.bulks: list[int] = []
        """Number of lines of each bulk request that was passed on."""
        self.most_at_once = 0
        self.headers: list[dict[str, str]] = []
        self.at_once = 0
        self.lock = threading.Lock()
        self.client = httpx.Client(trust_env=False, timeout=_DEADLINE)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if tls is not None:
            scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://localhost:{self._server.server_address[1]}"

    def serve(self) -> None:
        """Serves until closed."""
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Ends serving."""
        self._server.shutdown()
        self._server.server_close()
        self.client.close()

    @contextmanager
    def held(self, number: int) -> Iterator[HeldRequest]:
        """Has a bulk request wait, counted from 0 from now on, until let go or left."""
        self.arrived.clear()
        self.going.clear()
        self.hold_at = number
        try:
            yield HeldRequest(self.arrived, self.going)
        finally:
            self.going.set()

    def take(self, counter: str) -> bool:
        """Whether this is one of the next requests to fail in some way."""
        with self.lock:
            left: int = getattr(self, counter)
            setattr(self, counter, max(0, left - 1))
            return left > 0


class HeldRequest:
    """A bulk request that waits at the gateway."""

    def __init__(self, arrived: threading.Event, going: threading.Event) -> None:
        self._arrived = arrived
        self._going = going

    def wait(self) -> None:
        """Until it is at the gateway."""
        assert self._arrived.wait(_DEADLINE)

    def let_go(self) -> None:
        """Passes it on."""
        self._going.set()


@contextmanager
def search_gateway(url: str, *, tls: ssl.SSLContext | None = None) -> Iterator[SearchGateway]:
    """A gateway that serves until left."""
    gateway = SearchGateway(url, tls=tls)
    thread = threading.Thread(target=gateway.serve, daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        gateway.close()
        thread.join(_DEADLINE)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: ClassVar[SearchGateway]

    def do_GET(self) -> None:
        self._pass()

    do_PUT = do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _pass(self) -> None:
        gateway = self.gateway
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        gateway.headers.append(dict(self.headers))
        if not self.path.startswith("/_bulk"):
            self._forward(body)
            return
        plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        if len(plain) > gateway.most_bytes:
            self._answer(413, b"")
        elif gateway.take("reject"):
            self._answer(429, orjson.dumps(_REJECTED))
        else:
            with gateway.lock:
                gateway.bulks.append(plain.count(b"\n"))
                gateway.at_once += 1
                gateway.most_at_once = max(gateway.most_at_once, gateway.at_once)
            try:
                self._bulk(plain, body)
            finally:
                with gateway.lock:
                    gateway.at_once -= 1

    def _bulk(self, plain: bytes, body: bytes) -> None:
        gateway = self.gateway
        if gateway.hold_at is not None:
            gateway.hold_at -= 1
            if gateway.hold_at < 0:
                gateway.hold_at = None
                gateway.arrived.set()
                gateway.going.wait(_DEADLINE)
        if gateway.lose_from is not None:
            gateway.lose_from -= 1
        if gateway.lose_from == -1 or gateway.take("lose_answers"):
            self._send(body)
            self._cut()
        elif (gateway.lose_from or 0) < 0:
            self._cut()
        elif self.gateway.take("reject_items"):
            self._every_second(plain)
        else:
            self._forward(body)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _every_second(self, plain: bytes) -> None:
        """Passes on every second action; the others, all of two lines, are refused."""
        lines = plain.splitlines(keepends=True)
        pairs = [lines[start : start + 2] for start in range(0, len(lines), 2)]
        kept = b"".join(line for pair in pairs[::2] for line in pair)
        answer = self.gateway.client.post(
            self.gateway.target + self.path, content=kept, headers={"Content-Type": "application/x-ndjson"}
        ).json()
        items = iter(answer["items"])
        rejected = {"index": {"status": 429, "error": _REJECTED["error"]}}
        merged = [next(items) if number % 2 == 0 else rejected for number in range(len(pairs))]
        self._answer(200, orjson.dumps({"errors": True, "items": merged}))

    def _send(self, body: bytes) -> httpx.Response:
        names = ("Content-Type", "Content-Encoding")
        headers = {name: self.headers[name] for name in names if name in self.headers}
        return self.gateway.client.request(self.command, self.gateway.target + self.path, content=body, headers=headers)

    def _forward(self, body: bytes) -> None:
        answer = self._send(body)
        self._answer(answer.status_code, answer.content)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
