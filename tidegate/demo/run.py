"""The demo from its first act to its last."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tidegate.cli.rest_client import RestClient
from tidegate.demo.connectors import Connectors
from tidegate.demo.figures import Figures
from tidegate.demo.flights import insert_more, load_flights, read_flights
from tidegate.demo.lake import Lake
from tidegate.demo.proof import prove
from tidegate.demo.rename import run_rename_act
from tidegate.demo.stage import FLIGHTS_TOPIC, Stage
from tidegate.demo.takeover import kill_leader, kill_worker
from tidegate.demo.topic_reader import TopicReader
from tidegate.demo.view import View
from tidegate.demo.waiting import wait_until
from tidegate.devstack.cluster import BUCKET, Broker, LocalCluster

_MOST_INSERTED = 1_000
_FLOW_TIMEOUT = 600.0


def run_demo(
    state_dir: Path,
    examples: Path,
    *,
    rows: int | None = None,
    broker: Broker = "tansu",
    console: Console | None = None,
) -> Figures:
    """Run every act on a cluster of its own, and stop it.

    Args:
        state_dir: for the cluster; what is in it is removed first.
        examples: directory of the connector files.
        rows: how many flights; all 336,776 when None.
        broker: ``tansu`` or ``apache-kafka``.
        console: where to show it; stdout by default.

    Returns:
        the figures; ``differences`` in them is empty when every promise held.

    Raises:
        DemoFailedError: something did not happen in time. TidegateError: something could not be started.
    """
    console = console or Console()
    figures = Figures()
    cluster = LocalCluster(state_dir, broker=broker, fresh=True)
    try:
        with View(console) as view:
            with view.act(1, "Starting the embedded stack, a registry, two coordinators and three workers") as say:
                cluster.start(say)
            _run_acts(cluster, examples, rows, view, figures)
    finally:
        cluster.stop()
    _show(console, figures)
    return figures


def _run_acts(cluster: LocalCluster, examples: Path, rows: int | None, view: View, figures: Figures) -> None:
    flights = read_flights(rows)
    count = flights.num_rows
    s3 = cluster.stack.seaweedfs
    lake = Lake(s3.endpoint_url, s3.access_key, s3.secret_key, BUCKET, s3.region)
    with (
        RestClient(",".join(cluster.coordinator_urls)) as client,
        TopicReader(cluster.stack.bootstrap_servers, FLIGHTS_TOPIC) as topic,
    ):
        stage = Stage(cluster, Connectors(client, examples), lake, topic, view, figures, count)
        with view.act(2, f"Loading {count:,} flights into PostgreSQL"):
            load_flights(cluster.database_url, flights)
        with (
            view.gauge("table → topic", count, stage.topic_records),
            view.gauge("topic → bucket", count, stage.lake_rows),
        ):
            _deploy(stage)
            _kill(stage)
            _insert(stage)
        with view.act(6, 'Renaming a column in mid-stream: "userId" → user_id') as say:
            run_rename_act(stage, say)
            view.say(f"   {figures.halted} rows halted, {figures.passed} rows in the bucket; the reasons:")
            for reason in figures.reasons:
                view.say(f"   [yellow]{reason}[/]")
            for rule, count, _ in figures.waiting:
                view.say(f"   {count} records waited, rule {rule}: [yellow]{', '.join(figures.shown)}[/]")
            view.say(f"   {figures.replayed} replayed with ReplaceField renames=user_id:userId, each once")
        with view.act(7, "Reading the Parquet back from S3"):
            prove(stage)


def _deploy(stage: Stage) -> None:
    with stage.view.act(3, "Deploying the sink and the source by REST"):
        # The sink first, and the source of a short table in small batches: the table would otherwise have passed before
        # anything could be killed in its middle.
        batch = {} if stage.rows > 200_000 else {"batch.max.rows": str(max(50, stage.rows // 100))}
        for file, overrides in (("flights-s3.yaml", {}), ("flights-source.yaml", batch)):
            name = stage.connectors.deploy(file, overrides)
            worker = stage.connectors.wait_running(name)
            stage.view.say(f"   {name} runs on {worker}")


def _kill(stage: Stage) -> None:
    rows, figures = stage.rows, stage.figures
    with stage.view.act(4, "Killing with -9: the source's worker, the sink's worker, the leader") as say:
        _wait_flow(stage.topic_records, rows // 20, f"the first rows in {FLIGHTS_TOPIC}")
        figures.takeovers.append(kill_worker(stage, "flights-source", "source", stage.topic_records, rows))
        figures.takeovers.append(kill_worker(stage, "flights-s3", "sink", stage.lake_rows, rows))
        figures.takeovers.append(kill_leader(stage))
        say("waiting for the whole table in the bucket")
        _wait_flow(stage.lake_rows, rows, f"{rows:,} rows in the bucket")


def _insert(stage: Stage) -> None:
    new = min(_MOST_INSERTED, stage.rows)
    with stage.view.act(5, f"Inserting {new:,} new rows while it runs"):
        began = time.monotonic()
        insert_more(stage.cluster.database_url, new)
        _wait_flow(stage.lake_rows, stage.rows + new, f"{stage.rows + new:,} rows in the bucket")
        stage.figures.inserted_rows = new
        stage.figures.arrival_seconds = time.monotonic() - began
        stage.view.say(f"   in the bucket after [bold]{stage.figures.arrival_seconds:.1f} s[/]")


def _wait_flow(count: Callable[[], int], wanted: int, what: str) -> None:
    wait_until(lambda: count() >= max(1, wanted), what, timeout=_FLOW_TIMEOUT, interval=0.05)


def _show(console: Console, figures: Figures) -> None:
    takeovers = Table("killed", "role", "at row", "taken over by", "after", "rows flow after", title="Takeovers")
    for each in figures.takeovers:
        at = f"{each.done_rows:,} of {each.total_rows:,}" if each.total_rows else ""
        flowing = "" if each.flowing_seconds is None else f"{each.flowing_seconds:.1f} s"
        takeovers.add_row(each.victim, each.role, at, each.successor, f"{each.seconds:.1f} s", flowing)
    console.print(takeovers)
    sums = Table("column", "sum in PostgreSQL", "sum in Parquet", title="Column sums")
    for name, (table, lake) in figures.column_sums.items():
        sums.add_row(name, f"{table:,}", f"{lake:,}")
    console.print(sums)
    counts = Table("what", "figure", title="Rows")
    counts.add_row("rows in PostgreSQL", f"{figures.table_rows:,}")
    counts.add_row("records in Kafka", f"{figures.topic_records:,}")
    counts.add_row("rows in Parquet", f"{figures.lake_rows:,} in {figures.files} files")
    counts.add_row("missing", f"{figures.missing:,}")
    counts.add_row("duplicates", f"{figures.duplicates:,}")
    counts.add_row("halted by the gate", f"{figures.halted:,} of {figures.halted_expected:,} renamed")
    counts.add_row("repaired and replayed", f"{figures.replayed_rows:,} of {figures.halted_expected:,} renamed")
    counts.add_row("passed the gate", f"{figures.passed:,} of {figures.passed_expected:,} valid")
    console.print(counts)
    if figures.differences:
        console.print("[bold red]This differs from what was promised:[/]")
        for difference in figures.differences:
            console.print(f"  {difference}", highlight=False, markup=False)
    else:
        console.print("[bold green]Every row once, no row twice, equal sums.[/]")
