"""The entry point of ``tidegate``: every command, and what their failures look like.

Exit codes: 0 done; 1 it failed; 2 the command line or a configuration is unusable.
"""

from __future__ import annotations

import sys
from importlib.metadata import version as distribution_version
from typing import Annotated

import typer
from rich.console import Console

from tidegate.cli import connector, dlq, iceberg, schema
from tidegate.cli.demo import demo
from tidegate.cli.demo_data import demo_data
from tidegate.cli.dev import dev
from tidegate.cli.service import add_service_commands
from tidegate.config.secrets import make_key
from tidegate.errors import ConfigError, TidegateError

app = typer.Typer(
    name="tidegate",
    help="Databases to Kafka to the lakehouse, exactly once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tidegate {distribution_version('tidegate')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Databases to Kafka to the lakehouse, exactly once."""


@app.command("secret-key", rich_help_panel="Services")
def secret_key() -> None:
    """Print a new key for the setting secret_key."""
    typer.echo(make_key())


app.command("demo", rich_help_panel="Try it")(demo)
app.command("demo-data", rich_help_panel="Try it")(demo_data)
app.command("dev", rich_help_panel="Try it")(dev)
add_service_commands(app)
app.add_typer(connector.app, name="connector", rich_help_panel="Clients")
app.add_typer(dlq.app, name="dlq", rich_help_panel="Clients")
app.add_typer(schema.app, name="schema", rich_help_panel="Clients")
app.add_typer(iceberg.app, name="iceberg", rich_help_panel="Clients")


def main() -> None:
    """Run the command line and exit."""
    console = Console(stderr=True, highlight=False)
    try:
        app()
    except ConfigError as error:
        for problem in error.problems:
            console.print(f"[bold red]error[/]: [bold]{problem.key}[/]: ", end="")
            console.print(problem.message, markup=False, soft_wrap=True)
        sys.exit(2)
    except TidegateError as error:
        console.print("[bold red]error[/]: ", end="")
        console.print(str(error), markup=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
