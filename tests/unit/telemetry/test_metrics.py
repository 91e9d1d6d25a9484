"""The metrics and health endpoints, over HTTP."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette

from tidegate.errors import ConfigError
from tidegate.telemetry.asgi_server import AsgiServer
from tidegate.telemetry.metrics import metrics_routes, start_metrics_server


async def test_metrics_are_there_in_prometheus_format() -> None:
    registry = CollectorRegistry()
    Counter("records", "Records moved.", registry=registry).inc(3)
    app = Starlette(routes=metrics_routes(registry=registry))
    async with AsgiServer(app, "127.0.0.1:0", setting="metrics_listen") as server, httpx.AsyncClient() as client:
        answer = await client.get(f"http://{server.address}/metrics")
        open_metrics = await client.get(
            f"http://{server.address}/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"}
        )
    assert "records_total 3.0" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert open_metrics.text.endswith("# EOF\n")


async def test_health_says_what_is_wrong() -> None:
    wrong: dict[str, object] = {}
    server = await start_metrics_server("127.0.0.1:0", lambda: wrong)
    assert server is not None
    async with server, httpx.AsyncClient() as client:
        well = await client.get(f"http://{server.address}/health")
        wrong["etcd"] = "does not answer"
        ill = await client.get(f"http://{server.address}/health")
    assert (well.status_code, well.json()) == (200, {"status": "ok"})
    assert (ill.status_code, ill.json()) == (503, {"status": "failing", "etcd": "does not answer"})


async def test_no_address_serves_nothing_and_a_taken_one_is_a_clear_error() -> None:
    assert await start_metrics_server("") is None
    server = await start_metrics_server("127.0.0.1:0")
    assert server is not None
    async with server:
        with pytest.raises(ConfigError, match=r"metrics_listen: .* can not be bound"):
            await start_metrics_server(server.address)
