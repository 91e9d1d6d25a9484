"""The client commands against a server of Kafka Connect's shapes, and the exit codes scripts rely on."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tidegate.devstack.ports import free_port

STATUS = {
    "name": "orders",
    "type": "source",
    "connector": {"state": "RUNNING", "worker_id": "c1"},
    "tasks": [{"id": 0, "state": "FAILED", "worker_id": "w1", "trace": "the table is gone"}],
}
ANSWERS: dict[tuple[str, str], tuple[int, Any]] = {
    ("GET", "/connectors?expand=status"): (200, {"orders": {"status": STATUS}}),
    ("GET", "/connectors/orders/status"): (200, STATUS),
    ("PUT", "/connectors/orders/pause"): (202, None),
    ("POST", "/connectors/orders/restart?includeTasks=true&onlyFailed=true"): (202, STATUS),
    ("GET", "/connectors/a%2Fb"): (404, {"error_code": 404, "message": "Connector a/b not found"}),
    ("POST", "/connectors"): (409, {"error_code": 409, "message": "Connector orders already exists"}),
    ("PUT", "/connector-plugins/jdbc-source/config/validate"): (
        200,
        {"error_count": 1, "configs": [{"value": {"name": "mode", "errors": ["is missing"]}}]},
    ),
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Answers as :data:`ANSWERS` says."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            code, body = ANSWERS.get((self.command, self.path), (500, {"message": f"{self.command} {self.path}"}))
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(code)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


def tidegate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tidegate.cli.main", *arguments], capture_output=True, text=True, timeout=60
    )


def test_states_are_listed_for_people_and_for_programs(server: str) -> None:
    shown = tidegate("connector", "list", "--url", server)
    assert shown.returncode == 0
    assert "orders" in shown.stdout
    assert "1 FAILED" in shown.stdout
    listed = tidegate("connector", "list", "--url", server, "-o", "json")
    assert json.loads(listed.stdout) == {"orders": STATUS}


def test_a_failed_task_shows_its_trace_and_exits_1(server: str) -> None:
    shown = tidegate("connector", "status", "orders", "--url", server)
    assert shown.returncode == 1
    assert "the table is gone" in shown.stdout


def test_the_next_replica_is_asked_when_one_is_away(server: str) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    assert tidegate("connector", "pause", "orders", "--url", f"{away},{server}").returncode == 0
    lost = tidegate("connector", "pause", "orders", "--url", away)
    assert lost.returncode == 1
    assert "--url" in lost.stderr


def test_refusals_are_the_servers_words_and_exit_1(server: str, tmp_path: Path) -> None:
    missing = tidegate("connector", "get", "a/b", "--url", server)
    assert (missing.returncode, "Connector a/b not found" in missing.stderr) == (1, True)
    file = tmp_path / "orders.yaml"
    file.write_text("name: orders\nconnector.class: jdbc-source\n")
    taken = tidegate("connector", "create", str(file), "--url", server)
    assert (taken.returncode, "already exists" in taken.stderr) == (1, True)
    invalid = tidegate("connector", "validate", str(file), "--url", server)
    assert (invalid.returncode, "is missing" in invalid.stdout) == (1, True)
    assert tidegate("connector", "restart", "orders", "--only-failed", "--url", server).returncode == 0


def test_an_unusable_command_line_or_file_exits_2(tmp_path: Path) -> None:
    assert tidegate("connector", "frobnicate").returncode == 2
    assert tidegate("connector", "create", str(tmp_path / "none.yaml")).returncode == 2
    wrong = tidegate("worker", "--slots=0", "--kafka=bootstrap.servers=a:1")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: slots: ")
    assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize("service", ["coordinator", "registry"])
def test_a_service_imports_nothing_that_only_clients_and_tasks_need(service: str) -> None:
    program = (
        "import sys; from tidegate.cli.main import make_app; from tidegate.cli.service import _find\n"
        f"make_app([{service!r}]); _find({service!r})\n"
        "print([name for name in ('pyarrow', 'numpy', 'confluent_kafka', 'httpx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr
