"""``tidegate schema``: read and register schemas through the registry's REST API."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import orjson
import typer

from tidegate.cli.output import Format, OutputOption, print_json, print_table
from tidegate.cli.rest_client import RestClient
from tidegate.errors import ConfigError, ConfigProblem, NotFoundError

app = typer.Typer(help="Read, register and check schemas.", no_args_is_help=True)

UrlOption = Annotated[
    str,
    typer.Option(
        "--url", envvar="TIDEGATE_REGISTRY_URL", help="REST address of the registry, several separated by commas."
    ),
]
Subject = Annotated[str, typer.Argument(help="The subject, such as orders-value.")]
Version = Annotated[str, typer.Option("--version", help="A version's number, or latest.")]

DEFAULT_URL = "http://127.0.0.1:8081"


class SchemaType(StrEnum):
    """Kinds of schema, the registry's names."""

    AVRO = "AVRO"
    JSON = "JSON"
    PROTOBUF = "PROTOBUF"


TypeOption = Annotated[
    SchemaType | None, typer.Option("--type", help="Kind of schema; from the file's name when not given.")
]
File = Annotated[Path, typer.Argument(help="The schema: .avsc, .proto or .json (JSON Schema).")]

_BY_SUFFIX = {".avsc": SchemaType.AVRO, ".proto": SchemaType.PROTOBUF, ".json": SchemaType.JSON}


@app.command("list")
def list_subjects(url: UrlOption = DEFAULT_URL, output: OutputOption = Format.TABLE) -> None:
    """List subjects with their versions."""
    with RestClient(url) as client:
        subjects: list[str] = client.call("GET", "/subjects")
        found = {subject: client.call("GET", _path(subject)) for subject in sorted(subjects)}
    if output is Format.JSON:
        print_json(found)
        return
    print_table(("subject", "versions"), [(name, ", ".join(map(str, versions))) for name, versions in found.items()])


@app.command()
def get(
    subject: Subject, version: Version = "latest", url: UrlOption = DEFAULT_URL, output: OutputOption = Format.TABLE
) -> None:
    """Show a schema; with -o json also its id and version."""
    with RestClient(url) as client:
        found = client.call("GET", _path(subject, quote(version, safe="")))
    if output is Format.JSON:
        print_json(found)
    elif found.get("schemaType", "AVRO") == SchemaType.PROTOBUF:
        typer.echo(found["schema"])
    else:
        print_json(orjson.loads(found["schema"]))


@app.command()
def register(subject: Subject, file: File, type: TypeOption = None, url: UrlOption = DEFAULT_URL) -> None:
    """Register a schema and print its id; the same schema again gives the same id."""
    body = _body(file, type)
    with RestClient(url) as client:
        found = client.call("POST", _path(subject), json=body)
    typer.echo(found["id"])


@app.command()
def check(
    subject: Subject, file: File, type: TypeOption = None, version: Version = "latest", url: UrlOption = DEFAULT_URL
) -> None:
    """Check a schema against a subject's compatibility level; exits 1 and says why when it breaks it."""
    body = _body(file, type)
    path = f"/compatibility{_path(subject, quote(version, safe=''))}"
    with RestClient(url) as client:
        try:
            found = client.call("POST", path, json=body, params={"verbose": "true"})
        except NotFoundError:
            typer.echo(f"{subject} has no version {version}: any schema may be registered")
            return
    if found["is_compatible"]:
        typer.echo("compatible")
        return
    for message in found.get("messages") or ["incompatible"]:
        typer.echo(message)
    raise typer.Exit(1)


def _path(subject: str, *version: str) -> str:
    return "/".join(("/subjects", quote(subject, safe=""), "versions", *version))


def _body(file: Path, kind: SchemaType | None) -> dict[str, Any]:
    kind = kind or _BY_SUFFIX.get(file.suffix.lower())
    if kind is None:
        raise ConfigError([ConfigProblem("--type", f"is needed: the name {file.name} does not tell the kind.")])
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError([ConfigProblem(str(file), f"can not be read: {reason}.")]) from None
    return {"schema": text, "schemaType": kind.value}
