"""The examples' tables and bucket in servers that run already."""

from __future__ import annotations

import boto3
import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from psycopg.conninfo import make_conninfo

from tidegate.demo.flights import load_flights, read_flights
from tidegate.demo.rename import CREATE_APP_EVENTS, insert_app_events
from tidegate.errors import RetriableError

_TIMEOUTS = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3})


def make_tables(url: str, user: str, password: str, rows: int | None = None) -> list[str]:
    """Make and fill those of ``flights`` and ``app_events`` that are missing.

    Args:
        url: ``jdbc:postgresql://host:port/database``, or the same without ``jdbc:``.
        user: database user.
        password: the user's.
        rows: how many flights; all when None.

    Returns:
        the names of the tables made.

    Raises:
        RetriableError: the database does not answer or refuses.
    """
    address = make_conninfo(url.removeprefix("jdbc:"), user=user, password=password, connect_timeout=10)
    made = []
    try:
        with psycopg.connect(address, autocommit=True) as database:
            if not _exists(database, "flights"):
                load_flights(address, read_flights(rows))
                made.append("flights")
            if not _exists(database, "app_events"):
                database.execute(CREATE_APP_EVENTS)
                insert_app_events(database, '"userId"')
                made.append("app_events")
    except psycopg.Error as error:
        raise RetriableError(f"the database at {url} refuses: {error}.", remedy="Check DATABASE_URL.") from None
    return made


def make_bucket(endpoint: str, bucket: str, access_key: str, secret_key: str) -> bool:
    """Make a bucket; False when it exists.

    Raises:
        RetriableError: the object store does not answer or refuses.
    """
    try:
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name="us-east-1",
            config=_TIMEOUTS,
        )
        if bucket in {each["Name"] for each in client.list_buckets()["Buckets"]}:
            return False
        client.create_bucket(Bucket=bucket)
    except (BotoCoreError, ClientError) as error:
        raise RetriableError(
            f"S3 at {endpoint} refuses: {error}.", remedy="Check LAKE_ENDPOINT and its keys."
        ) from None
    return True


def _exists(database: psycopg.Connection[tuple[object, ...]], table: str) -> bool:
    row = database.execute("SELECT to_regclass(%s)", (table,)).fetchone()
    return row is not None and row[0] is not None
