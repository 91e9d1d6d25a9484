"""The measured part of docs/performance.md, from a file of results."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.goals import verdicts
from benchmarks.result import Comparison, Series
from benchmarks.results_file import ResultsFile
from benchmarks.show import figure_names, median_and_spread, number, ratio

BEGIN = '<!-- measured: make bench ARGS="--report --json benchmarks/results.json" -->'
END = "<!-- end of the measured part -->"

_CASES = {
    "json-source": "JSON lines to Kafka",
    "pg-source": "PostgreSQL to Kafka",
    "pg-cdc": "PostgreSQL's changes to Kafka",
    "mysql-cdc": "MariaDB's changes to Kafka",
    "file-sink": "Kafka to a file",
    "parquet-sink": "Kafka Avro to Parquet on S3",
    "json-parquet-sink": "Kafka JSON to Parquet on S3",
    "iceberg-sink": "Kafka Avro to an Iceberg table",
    "jdbc-sink": "Kafka Avro to PostgreSQL",
    "opensearch-sink": "Kafka Avro to OpenSearch",
    "scaling": "1, 2 and 4 tasks",
    "latency": "Latency",
    "pg-cdc-latency": "Latency of change data capture",
    "start-time": "Start of a task",
    "idle-memory": "Memory and CPU of idle workers",
    "takeover": "A worker dies",
    "limits": "The limits",
}
_TOP = 8


def write_report(document: Path, results: ResultsFile) -> None:
    """Renew what stands between the two marks of the document; the words around it stay.

    Raises:
        ValueError: the document has no marks.
    """
    text = document.read_text()
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{document} has no line {BEGIN} with {END} after it")
    document.write_text(f"{before}{BEGIN}\n\n{measured(results)}\n{END}{after}")


def measured(results: ResultsFile) -> str:
    """The measured part: machine, goals, a section a case."""
    comparisons = results.comparisons()
    here = results.machine.get("processor")
    parts = [_machine(results.machine), _goals(comparisons)]
    for case, heading in _CASES.items():
        mine = [each for each in comparisons if each.case == case]
        if mine:
            parts.append("\n".join([f"### {heading}\n", *(line for each in mine for line in _section(each, here))]))
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _machine(machine: dict[str, str]) -> str:
    return "### The machine\n\n" + "\n".join(f"- {name}: {value}" for name, value in machine.items())


def _goals(comparisons: Sequence[Comparison]) -> str:
    lines = ["### The goals\n", "| goal | where | reached | |", "| --- | --- | --- | --- |"]
    for verdict in verdicts(comparisons):
        reached = "–" if verdict.ratio is None else f"{number(verdict.ratio)}×"
        where = f"{verdict.goal.case}, {verdict.goal.peer}: {verdict.title}"
        lines.append(f"| {verdict.goal.words} | {where} | {reached} | {verdict.word} |")
    return "\n".join(lines)


def _section(comparison: Comparison, here: str | None) -> Iterator[str]:
    first, *others = comparison.series
    sides = [each.side for each in comparison.series]
    ratios = [f"{first.side} / {each.side}" for each in others]
    processor = comparison.facts.get("processor", here)
    where = "" if processor == here else f", on another machine ({processor})"
    runs = comparison.facts.get("repeats", "?")
    yield f"**{comparison.title}**, {runs} runs a side: median (least–greatest){where}\n"
    yield "| " + " | ".join(["", *sides, *ratios]) + " |"
    yield "| " + " | ".join(["---"] * (1 + len(sides) + len(ratios))) + " |"
    for name in figure_names(comparison):
        values = [series.figures.get(name, []) for series in comparison.series]
        cells = [*map(median_and_spread, values), *(ratio(values[0], each) for each in values[1:])]
        yield "| " + " | ".join([name, *cells]) + " |"
    yield ""
    for series in comparison.series:
        beside = _beside(series)
        if series.note or beside:
            yield f"- {series.side}: {series.note}{beside}"
    yield ""
    yield from _profile(comparison)


def _beside(series: Series) -> str:
    """CPU seconds of what the system stood on, a million rows."""
    found: dict[str, list[float]] = {}
    for run in series.runs:
        for name, seconds in run["beside_cpu"].items():
            found.setdefault(name, []).append(seconds / run["rows"] * 1e6)
    shown = [f"{name} {number(statistics.median(values))}" for name, values in found.items()]
    return f". Beside it, CPU seconds a million rows: {', '.join(shown)}" if shown else ""


def _profile(comparison: Comparison) -> Iterator[str]:
    threads, profile = comparison.facts.get("threads"), comparison.facts.get("profile")
    if threads:
        shown = ", ".join(f"{name} {seconds} s" for name, seconds in threads.items() if seconds)
        yield f"CPU by thread of Tidegate's task, start included: {shown}.\n"
    if profile:
        yield "| interpreter's threads, own code | share | with what it calls | share |"
        yield "| --- | --- | --- | --- |"
        own, total = list(profile["self"].items()), list(profile["total"].items())
        for place in range(min(_TOP, max(len(own), len(total)))):
            left = own[place] if place < len(own) else ("", "")
            right = total[place] if place < len(total) else ("", "")
            yield f"| `{left[0]}` | {left[1]} | `{right[0]}` | {right[1]} |"
        yield ""
