"""``tidegate demo``: the main job on this machine, with proof."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.dev import BrokerName, BrokerOption, default_state_dir, one_interrupt
from tidegate.errors import ConfigError, ConfigProblem

_EXAMPLES = Path(__file__).parents[2] / "examples"
_FIRST = "flights-source.yaml"


def demo(
    rows: Annotated[int | None, typer.Option(min=100, help="How many flights; all 336,776 by default.")] = None,
    broker: BrokerOption = BrokerName.TANSU,
    state_dir: Annotated[
        Path | None, typer.Option(help="Data, logs and pid files; a former demo's are removed first.")
    ] = None,
    examples: Annotated[Path, typer.Option(help="Directory of the connector files.")] = _EXAMPLES,
) -> None:
    """Move a table through Kafka into S3 while its processes are killed, and prove that every row arrived once."""
    if not (examples / _FIRST).exists():
        raise ConfigError(
            [ConfigProblem("--examples", f"{examples} has no {_FIRST}. Give the directory examples of the sources.")]
        )
    from tidegate.demo.run import run_demo

    with one_interrupt():
        try:
            figures = run_demo(state_dir or default_state_dir("demo"), examples, rows=rows, broker=broker.value)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
    if figures.differences:
        raise typer.Exit(1)
