"""What is printed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.result import Comparison

_WIDTH = 150

_console = Console(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One line."""
    _console.print(text, markup=False)


def show(comparison: Comparison) -> None:
    """A table of medians, spreads and ratios to the first side."""
    table = Table(title=f"{comparison.case}: {comparison.title}", title_justify="left", header_style="bold")
    table.add_column("figure")
    for series in comparison.series:
        table.add_column(series.side, justify="right")
    first, *others = comparison.series
    for series in others:
        table.add_column(f"{first.side} / {series.side}", justify="right")
    for name in figure_names(comparison):
        values = [series.figures.get(name, []) for series in comparison.series]
        cells = [median_and_spread(each) for each in values]
        ratios = [ratio(values[0], each) for each in values[1:]]
        table.add_row(name, *cells, *ratios)
    _console.print(table, width=_WIDTH)
    for series in comparison.series:
        if series.note:
            say(f"  {series.side}: {series.note}")
    for name, fact in comparison.facts.items():
        say(f"  {name}: {fact}")


def figure_names(comparison: Comparison) -> list[str]:
    """The names of all figures, in the order they came."""
    return list(dict.fromkeys(name for series in comparison.series for name in series.figures))


def median_and_spread(values: Sequence[float]) -> str:
    """The median, with the least and the greatest where there are several."""
    if not values:
        return "–"
    middle = number(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({number(min(values))}–{number(max(values))})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """The ratio of the medians."""
    if not ours or not theirs or not statistics.median(theirs):
        return "–"
    return f"{statistics.median(ours) / statistics.median(theirs):.2f}×"


def number(value: float) -> str:
    """With as many digits as mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
