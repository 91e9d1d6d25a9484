"""``tidegate demo-data``: what the example connectors move, in a database and an object store of one's own."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Option

_Rows = Annotated[int | None, Option(min=100, help="How many flights; all 336,776 by default.")]


def demo_data(
    database_url: Annotated[str, Option(envvar="DATABASE_URL", help="jdbc:postgresql://host:port/database")],
    database_user: Annotated[str, Option(envvar="DATABASE_USER")],
    database_password: Annotated[str, Option(envvar="DATABASE_PASSWORD", prompt=True, hide_input=True)],
    lake_endpoint: Annotated[str, Option(envvar="LAKE_ENDPOINT", help="The object store's S3 endpoint.")],
    lake_bucket: Annotated[str, Option(envvar="LAKE_BUCKET", help="Made where missing.")],
    lake_access_key_id: Annotated[str, Option(envvar="LAKE_ACCESS_KEY_ID")],
    lake_secret_access_key: Annotated[str, Option(envvar="LAKE_SECRET_ACCESS_KEY", prompt=True, hide_input=True)],
    rows: _Rows = None,
) -> None:
    """Make the tables flights and app_events and the bucket of the example connectors, where they are missing."""
    from tidegate.demo.seed import make_bucket, make_tables

    made = make_tables(database_url, database_user, database_password, rows)
    typer.echo(f"tables made: {', '.join(made) or 'none, they are there'}")
    if make_bucket(lake_endpoint, lake_bucket, lake_access_key_id, lake_secret_access_key):
        typer.echo(f"bucket {lake_bucket} made")
