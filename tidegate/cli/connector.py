"""``tidegate connector``: deploy and steer connectors through a coordinator's REST API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from tidegate.cli.connector_file import read_connector_file
from tidegate.cli.output import Format, OutputOption, print_json, print_table
from tidegate.cli.rest_client import RestClient
from tidegate.config.yaml_file import read_yaml_mapping
from tidegate.errors import ConfigError, ConfigProblem

app = typer.Typer(help="Deploy and steer connectors.", no_args_is_help=True)

UrlOption = Annotated[
    str,
    typer.Option("--url", envvar="TIDEGATE_URL", help="REST address of the coordinators, several separated by commas."),
]
Name = Annotated[str, typer.Argument(help="The connector's name.")]
File = Annotated[Path, typer.Argument(help="YAML or JSON: {name, config} or a flat configuration with its name.")]

DEFAULT_URL = "http://127.0.0.1:8083"


def _path(name: str, *rest: str) -> str:
    return "/".join(("/connectors", quote(name, safe=""), *rest))


@app.command("list")
def list_connectors(url: UrlOption = DEFAULT_URL, output: OutputOption = Format.TABLE) -> None:
    """List connectors with their states."""
    with RestClient(url) as client:
        found: dict[str, Any] = client.call("GET", "/connectors", params={"expand": "status"})
    statuses = {name: each.get("status", each) for name, each in found.items()}
    if output is Format.JSON:
        print_json(statuses)
        return
    rows = [
        (name, status.get("type"), status["connector"]["state"], _count_states(status["tasks"]))
        for name, status in sorted(statuses.items())
    ]
    print_table(("connector", "type", "state", "tasks"), rows)


@app.command()
def get(name: Name, url: UrlOption = DEFAULT_URL, output: OutputOption = Format.TABLE) -> None:
    """Show a connector's configuration; secrets are hidden."""
    with RestClient(url) as client:
        found = client.call("GET", _path(name))
    if output is Format.JSON:
        print_json(found)
        return
    print_table(("key", "value"), sorted(found["config"].items()), title=f"{name} ({found.get('type')})")


@app.command()
def create(file: File, url: UrlOption = DEFAULT_URL) -> None:
    """Create a connector; fails when the name is taken."""
    wanted = read_connector_file(file)
    with RestClient(url) as client:
        client.call("POST", "/connectors", json={"name": wanted.name, "config": wanted.config})
    typer.echo(f"{wanted.name} created")


@app.command()
def apply(file: File, url: UrlOption = DEFAULT_URL) -> None:
    """Create a connector, or replace its configuration."""
    wanted = read_connector_file(file)
    with RestClient(url) as client:
        client.call("PUT", _path(wanted.name, "config"), json=wanted.config)
    typer.echo(f"{wanted.name} applied")


@app.command()
def status(name: Name, url: UrlOption = DEFAULT_URL, output: OutputOption = Format.TABLE) -> None:
    """Show the state of a connector and its tasks, with what went wrong; exits 1 when something has failed."""
    with RestClient(url) as client:
        found = client.call("GET", _path(name, "status"))
    parts = [("connector", found["connector"]), *((f"task {task['id']}", task) for task in found["tasks"])]
    if output is Format.JSON:
        print_json(found)
    else:
        rows = [(part, each["state"], each.get("worker_id")) for part, each in parts]
        print_table(("part", "state", "worker"), rows, title=f"{name} ({found.get('type')})")
        for part, each in parts:
            if each.get("trace"):
                typer.echo(f"\n{part}:\n{each['trace']}")
    if any(each["state"] == "FAILED" for _, each in parts):
        raise typer.Exit(1)


@app.command()
def pause(name: Name, url: UrlOption = DEFAULT_URL) -> None:
    """Let a connector's tasks idle."""
    _steer(url, "PUT", _path(name, "pause"), f"{name} is being paused")


@app.command()
def resume(name: Name, url: UrlOption = DEFAULT_URL) -> None:
    """Let a paused or stopped connector go on."""
    _steer(url, "PUT", _path(name, "resume"), f"{name} is being resumed")


@app.command()
def stop(name: Name, url: UrlOption = DEFAULT_URL) -> None:
    """End a connector's tasks; its configuration and offsets stay."""
    _steer(url, "PUT", _path(name, "stop"), f"{name} is being stopped")


@app.command()
def restart(
    name: Name,
    task: Annotated[int | None, typer.Option(help="Restart this task alone.")] = None,
    tasks: Annotated[bool, typer.Option("--tasks/--no-tasks", help="Restart the tasks too.")] = True,
    only_failed: Annotated[bool, typer.Option("--only-failed", help="Restart only what has failed.")] = False,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Restart a connector with its tasks, or one task."""
    if task is not None:
        _steer(url, "POST", _path(name, "tasks", str(task), "restart"), f"task {task} of {name} is being restarted")
        return
    params = {"includeTasks": str(tasks).lower(), "onlyFailed": str(only_failed).lower()}
    _steer(url, "POST", _path(name, "restart"), f"{name} is being restarted", params)


@app.command()
def delete(name: Name, url: UrlOption = DEFAULT_URL) -> None:
    """Delete a connector; its offsets stay."""
    _steer(url, "DELETE", _path(name), f"{name} deleted")


@app.command()
def offsets(
    name: Name,
    alter: Annotated[Path | None, typer.Option(help='Write the offsets in this file: {"offsets": [...]}.')] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Forget all offsets.")] = False,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Show a connector's offsets; alter or reset those of a stopped one."""
    if alter and reset:
        raise ConfigError([ConfigProblem("--alter", "excludes --reset. Give one of them.")])
    with RestClient(url) as client:
        if alter:
            found = client.call("PATCH", _path(name, "offsets"), json=read_yaml_mapping(alter))
        else:
            found = client.call("DELETE" if reset else "GET", _path(name, "offsets"))
    if alter or reset:
        typer.echo((found or {}).get("message", "done"))
    else:
        print_json(found)


@app.command()
def validate(file: File, url: UrlOption = DEFAULT_URL, output: OutputOption = Format.TABLE) -> None:
    """Check a configuration without deploying it: all problems at once; exits 1 when there are any."""
    wanted = read_connector_file(file)
    plugin = wanted.config.get("connector.class")
    if not plugin:
        raise ConfigError([ConfigProblem("connector.class", "is missing. See `tidegate connector plugins`.")])
    with RestClient(url) as client:
        path = f"/connector-plugins/{quote(plugin, safe='')}/config/validate"
        found = client.call("PUT", path, json=wanted.config)
    if output is Format.JSON:
        print_json(found)
    else:
        rows = [(each["value"]["name"], error) for each in found["configs"] for error in each["value"]["errors"]]
        if rows:
            print_table(("key", "problem"), rows)
        else:
            typer.echo(f"{wanted.name} is valid")
    if found["error_count"]:
        raise typer.Exit(1)


@app.command()
def plugins(url: UrlOption = DEFAULT_URL, output: OutputOption = Format.TABLE) -> None:
    """List the connectors that can be deployed."""
    with RestClient(url) as client:
        found = client.call("GET", "/connector-plugins")
    if output is Format.JSON:
        print_json(found)
        return
    print_table(("class", "type", "version"), [(each["class"], each["type"], each.get("version")) for each in found])


def _steer(url: str, method: str, path: str, done: str, params: dict[str, Any] | None = None) -> None:
    with RestClient(url) as client:
        client.call(method, path, params=params)
    typer.echo(done)


def _count_states(tasks: list[dict[str, Any]]) -> str:
    states = [task["state"] for task in tasks]
    if len(set(states)) == 1:
        return f"{len(states)} {states[0]}"
    return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
