"""``make bench``: runs cases and shows how Tidegate compares."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.errors import BenchmarkError
from benchmarks.machine import machine
from benchmarks.report import write_report
from benchmarks.result import Comparison
from benchmarks.results_file import ResultsFile
from benchmarks.settings import Settings
from benchmarks.show import say, show
from tidegate.cli.dev import one_interrupt
from tidegate.errors import TidegateError

CASES = (
    "json-source",
    "pg-source",
    "pg-cdc",
    "pg-cdc-latency",
    "mysql-cdc",
    "file-sink",
    "parquet-sink",
    "json-parquet-sink",
    "iceberg-sink",
    "jdbc-sink",
    "opensearch-sink",
    "scaling",
    "latency",
    "start-time",
    "idle-memory",
    "takeover",
    "limits",
)
_DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"


def bench(
    case: Annotated[list[str] | None, typer.Option(help=f"Which cases; repeatable. {', '.join(CASES)}.")] = None,
    rows: Annotated[int | None, typer.Option(min=1_000, help="Rows to move; the case's own by default.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Measured runs of each side, after a warm-up.")] = 3,
    tasks: Annotated[str, typer.Option(help="Numbers of tasks, such as 1,2,4.")] = "",
    peers: Annotated[str, typer.Option(help="Sides that take part, such as tidegate,connect.")] = "",
    data: Annotated[
        str,
        typer.Option(
            help="Data sets: orders, lineitem, flights, events; of pg-cdc and mysql-cdc: snapshot, single-row, "
            "one-transaction."
        ),
    ] = "",
    profile: Annotated[bool, typer.Option("--profile", help="One more run of Tidegate under py-spy.")] = False,
    json: Annotated[Path | None, typer.Option(help="File the results are added to.")] = None,
    report: Annotated[bool, typer.Option("--report", help="Only renew docs/performance.md from --json.")] = False,
) -> None:
    """Run Tidegate and its peers on this machine, on the same data, in turns."""
    results = ResultsFile(json) if json else None
    if report:
        if results is None:
            raise typer.BadParameter("--report needs --json, the file of the results.")
        write_report(_DOCUMENT, results)
        return
    settings = Settings(
        rows=rows,
        repeats=repeats,
        tasks=tuple(int(each) for each in _words(tasks)),
        peers=_words(peers),
        data=_words(data),
        profile=profile,
    )
    names = case or list(CASES)
    unknown = sorted(set(names) - set(CASES))
    if unknown:
        raise typer.BadParameter(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}.")
    say(", ".join(f"{name}: {value}" for name, value in machine().items()))
    failed = False
    with one_interrupt():
        for name in names:
            try:
                for comparison in _case(name)(settings):
                    show(comparison)
                    if results is not None:
                        results.add(comparison, settings)
            except KeyboardInterrupt:
                raise typer.Exit(130) from None
            except (BenchmarkError, TidegateError) as error:
                say(f"{name} failed: {error}")
                failed = True
    if failed:
        raise typer.Exit(1)


def _case(name: str) -> Callable[[Settings], list[Comparison]]:
    module = importlib.import_module(f"benchmarks.cases.{name.replace('-', '_')}")
    run: Callable[[Settings], list[Comparison]] = module.run
    return run


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


if __name__ == "__main__":
    typer.run(bench)
