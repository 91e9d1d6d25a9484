"""``tidegate dev``: a whole Tidegate on this machine until Ctrl-C."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from tidegate.devstack.cluster import LocalCluster

_WATCH_SECONDS = 1.0


class BrokerName(StrEnum):
    """Brokers the embedded stack can run."""

    TANSU = "tansu"
    APACHE_KAFKA = "apache-kafka"


BrokerOption = Annotated[
    BrokerName,
    typer.Option(help="tansu: in memory, nothing to install. apache-kafka: the real one; needs Java and Maven."),
]


def default_state_dir(name: str) -> Path:
    """Where a command keeps its state: ``$XDG_STATE_HOME/tidegate/<name>``, by default under ``~/.local/state``."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "tidegate" / name


@contextmanager
def one_interrupt() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt once; further ones are ignored, so that cleaning up ends."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    former = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def dev(
    state_dir: Annotated[Path | None, typer.Option(help="Data, logs and pid files.")] = None,
    broker: BrokerOption = BrokerName.TANSU,
    workers: Annotated[int, typer.Option(min=1, help="How many workers.")] = 3,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start with empty data.")] = False,
) -> None:
    """Run etcd, a broker, S3, PostgreSQL, registry, coordinators and workers until Ctrl-C; no Docker needed."""
    from tidegate.devstack.cluster import LocalCluster

    console = Console()
    directory = state_dir or default_state_dir("dev")
    cluster = LocalCluster(directory, broker=broker.value, workers=workers, fresh=fresh)
    with one_interrupt():
        try:
            with console.status("starting") as status:
                cluster.start(lambda step: status.update(step))
            _show(console, cluster)
            while True:
                time.sleep(_WATCH_SECONDS)
                _restart_ended(console, cluster)
        except KeyboardInterrupt:
            console.print("stopping")
        finally:
            cluster.stop()
    console.print("stopped; no process is left")


def _restart_ended(console: Console, cluster: LocalCluster) -> None:
    for service in cluster.ended_services():
        console.print(f"{service.name} ended with status {service.process.returncode}; starting it again")
        service.spawn()


def _show(console: Console, cluster: LocalCluster) -> None:
    if cluster.reaped:
        console.print(f"ended what a crashed run had left: {', '.join(cluster.reaped)}")
    table = Table("what", "where", header_style="bold", title="tidegate dev", title_justify="left")
    for name, address in cluster.addresses().items():
        table.add_row(name, address)
    table.add_row("database", cluster.database_url)
    s3 = cluster.stack.seaweedfs
    table.add_row("S3 keys", f"{s3.access_key} / {s3.secret_key}")
    table.add_row("logs", str(cluster.state_dir))
    console.print(table)
    console.print("Deploy a connector from another terminal:")
    console.print(f"  export TIDEGATE_URL={','.join(cluster.coordinator_urls)}", soft_wrap=True, highlight=False)
    console.print(f"  export TIDEGATE_REGISTRY_URL={','.join(cluster.registry_urls)}", soft_wrap=True, highlight=False)
    console.print("  tidegate connector create examples/flights-source.yaml", highlight=False)
    console.print("Ctrl-C stops everything.")
