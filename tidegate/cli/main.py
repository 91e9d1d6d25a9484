"""The entry point of ``tidegate``: every command, and what their failures look like.

Exit codes: 0 done; 1 it failed; 2 the command line or a configuration is unusable.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version as distribution_version
from typing import Annotated

import typer
from rich.console import Console

from tidegate.cli.service import SERVICES, add_service_commands
from tidegate.config.secrets import make_key
from tidegate.errors import ConfigError, TidegateError


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tidegate {distribution_version('tidegate')}")
        raise typer.Exit


def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Databases to Kafka to the lakehouse, exactly once."""


def secret_key() -> None:
    """Print a new key for the setting secret_key."""
    typer.echo(make_key())


def make_app(arguments: Sequence[str]) -> typer.Typer:
    """The command line.

    Args:
        arguments: what it is to run: a service has the services' commands alone, for the others cost it memory.
    """
    app = typer.Typer(
        name="tidegate",
        help="Databases to Kafka to the lakehouse, exactly once.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(root)
    app.command("secret-key", rich_help_panel="Services")(secret_key)
    add_service_commands(app)
    if not arguments or arguments[0] not in SERVICES:
        from tidegate.cli.clients import add_client_commands

        add_client_commands(app)
    return app


def main() -> None:
    """Run the command line and exit."""
    console = Console(stderr=True, highlight=False)
    try:
        make_app(sys.argv[1:])()
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
