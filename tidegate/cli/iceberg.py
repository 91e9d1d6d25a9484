"""``tidegate iceberg``: upkeep of the tables that Iceberg sinks write to."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.connector_file import read_connector_file
from tidegate.cli.output import Format, OutputOption, print_json, print_table
from tidegate.config.secrets import SecretBox, resolve
from tidegate.errors import FatalError

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

app = typer.Typer(help="Compact and clean Iceberg tables.", no_args_is_help=True)

Table = Annotated[str, typer.Argument(help="The table, such as db.orders.")]
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The connector's file; its iceberg.catalog.* keys are used.")
]
OlderThan = Annotated[int, typer.Option("--older-than", help="Hours; what is younger is left alone.", min=0)]

_THREE_DAYS = 72
_FIVE_DAYS = 120


@app.command()
def compact(
    table: Table,
    config: ConfigOption,
    target_bytes: Annotated[
        int | None, typer.Option(help="Size of the new files; the table's write.target-file-size-bytes if not given.")
    ] = None,
    min_files: Annotated[int, typer.Option(help="Fewer small files than this are left as they are.", min=1)] = 5,
    output: OutputOption = Format.TABLE,
) -> None:
    """Copy small data files together, and drop deleted rows; sinks may go on meanwhile."""
    catalog = _catalog(config)
    from tidegate.connectors.iceberg.compaction import compact as compact_table

    done = compact_table(catalog, table, target_bytes=target_bytes, min_files=min_files)
    if output is Format.JSON:
        print_json({name: getattr(done, name) for name in done.__slots__})
        return
    print_table(
        ("", "before", "after"),
        [("files", done.files_before, done.files_after), ("bytes", done.bytes_before, done.bytes_after)],
    )


@app.command()
def expire(table: Table, config: ConfigOption, older_than: OlderThan = _FIVE_DAYS) -> None:
    """Forget old snapshots, never the present one; clean then deletes the files only they had."""
    catalog = _catalog(config)
    from tidegate.connectors.iceberg.catalog import iceberg_errors

    with iceberg_errors(f"expire snapshots of table {table}"):
        loaded = catalog.load_table(table)
        before = len(loaded.metadata.snapshots)
        loaded.maintenance.expire_snapshots().older_than(datetime.now(UTC) - timedelta(hours=older_than)).commit()
        after = len(catalog.load_table(table).metadata.snapshots)
    typer.echo(f"{before - after} of {before} snapshots of {table} expired")


@app.command()
def clean(
    table: Table,
    config: ConfigOption,
    older_than: OlderThan = _THREE_DAYS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """Delete files that no snapshot names: of attempts that died, and of expired snapshots.

    Files of a sink that wait for their commit are named by no snapshot either: --older-than has to be longer than any
    connector may stand still.
    """
    catalog = _catalog(config)
    from tidegate.connectors.iceberg.leftovers import delete_leftovers, leftovers

    found = leftovers(catalog, table, datetime.now(UTC) - timedelta(hours=older_than))
    if not dry_run:
        delete_leftovers(catalog, table, found)
    if output is Format.JSON:
        print_json([{"location": each.location, "size": each.size, "modified": each.modified} for each in found])
        return
    print_table(("file", "bytes", "written"), [(each.location, each.size, f"{each.modified:%F %T}") for each in found])
    typer.echo(
        f"{len(found)} files {'would be' if dry_run else 'are'} deleted, {sum(each.size for each in found)} bytes"
    )


def _catalog(path: Path) -> Catalog:
    try:
        from tidegate.connectors.iceberg.catalog import open_catalog
        from tidegate.connectors.iceberg.keys import CONFIG
    except ImportError as error:
        raise FatalError(f"Iceberg is not installed: {error}.", remedy="pip install 'tidegate[iceberg]'") from error
    given = read_connector_file(path).config
    resolved = resolve(given, SecretBox(os.environ.get("TIDEGATE_SECRET_KEY")))
    return open_catalog(CONFIG.parse(resolved))
