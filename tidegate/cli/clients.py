"""The commands beside the services: they import what a service never needs, tens of megabytes in each process."""

from __future__ import annotations

import typer

from tidegate.cli import connector, dlq, iceberg, schema
from tidegate.cli.demo import demo
from tidegate.cli.demo_data import demo_data
from tidegate.cli.dev import dev


def add_client_commands(app: typer.Typer) -> None:
    """Adds the commands that try Tidegate and those that talk to it to ``app``."""
    app.command("demo", rich_help_panel="Try it")(demo)
    app.command("demo-data", rich_help_panel="Try it")(demo_data)
    app.command("dev", rich_help_panel="Try it")(dev)
    app.add_typer(connector.app, name="connector", rich_help_panel="Clients")
    app.add_typer(dlq.app, name="dlq", rich_help_panel="Clients")
    app.add_typer(schema.app, name="schema", rich_help_panel="Clients")
    app.add_typer(iceberg.app, name="iceberg", rich_help_panel="Clients")
