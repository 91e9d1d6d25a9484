"""The S3 client: credentials, deadlines, retries, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import boto3
import botocore.session
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
from botocore.loaders import Loader, create_loader

from tidegate.connectors.s3.object_options import request_parameters
from tidegate.errors import FatalError, RetriableError
from tidegate.sdk.config_def import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "AllAccessDisabled"}
_MISSING_BUCKET = {"404", "NoSuchBucket", "InvalidBucketName", "PermanentRedirect"}


def _loaded() -> Loader:
    """The descriptions of S3 that boto3 makes clients from, read from their files."""
    loader = create_loader()
    loader.load_data_with_path("endpoints")
    for description in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model("s3", description)
    return loader


# Read where the module is imported, before tasks are forked: each would else take 50 ms and memory for its own.
_DESCRIPTIONS = _loaded()


def s3_client(config: Config, *, read_timeout: float = 60.0, attempts: int = 5, connections: int = 10) -> S3Client:
    """A client for the store and the credentials of a sink's configuration.

    Args:
        config: the sink's configuration.
        read_timeout: deadline of one request, in seconds.
        attempts: tries of one request, with jittered backoff between.
        connections: size of the connection pool.
    """
    style: Literal["path", "virtual"] = "path" if config["s3.path.style.access.enabled"] else "virtual"
    # A session of its own: boto3's default one is shared and not thread-safe.
    session = botocore.session.get_session()
    session.register_component("data_loader", _DESCRIPTIONS)
    client: S3Client = boto3.session.Session(botocore_session=session).client(
        "s3",
        endpoint_url=config["store.url"] or None,
        region_name=config["s3.region"],
        aws_access_key_id=config["aws.access.key.id"] or None,
        aws_secret_access_key=config["aws.secret.access.key"] or None,
        config=BotoConfig(
            connect_timeout=5,
            read_timeout=read_timeout,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=connections,
            s3={"addressing_style": style},
            proxies=_proxies(config),
            tcp_keepalive=True,
            # Other stores than AWS do not all know the newer default checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    for operation, parameters in request_parameters(config).items():
        client.meta.events.register(f"before-parameter-build.s3.{operation}", _adding(parameters))
    return client


def _proxies(config: Config) -> dict[str, str] | None:
    url: str = config["s3.proxy.url"] or ""
    if not url:
        return None
    scheme, _, host = url.rpartition("://")
    if config["s3.proxy.user"]:
        user, password = (quote(config[f"s3.proxy.{part}"] or "", safe="") for part in ("user", "password"))
        host = f"{user}:{password}@{host}"
    return dict.fromkeys(("http", "https"), f"{scheme or 'http'}://{host}")


def _adding(parameters: Mapping[str, str]) -> Callable[..., None]:
    def add(params: dict[str, Any], **_: Any) -> None:
        params.update(parameters)

    return add


def error_code(error: ClientError) -> str:
    """S3's code of an error, such as ``NoSuchUpload``."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def s3_errors(what: str) -> Iterator[None]:
    """Turns boto's errors into ours.

    Args:
        what: what is being done, for the message: ``put s3://bucket/key``.

    Raises:
        FatalError: credentials, rights or the bucket's name are wrong.
        RetriableError: everything else.
    """
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise FatalError(
            f"Cannot {what}: {error}.", remedy="Set aws.access.key.id and aws.secret.access.key, or the default chain."
        ) from error
    except ClientError as error:
        code = error_code(error)
        if code in _REFUSED:
            raise FatalError(f"Cannot {what}: S3 refuses ({code}).", remedy="Check the credentials' rights.") from error
        if code in _MISSING_BUCKET:
            raise FatalError(f"Cannot {what}: {code}.", remedy="Check s3.bucket.name, s3.region, store.url.") from error
        raise RetriableError(f"Cannot {what}: {error}.") from error
    except BotoCoreError as error:
        raise RetriableError(f"Cannot {what}: {error}.", remedy="Check store.url and the network.") from error
