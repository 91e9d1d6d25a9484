"""The Iceberg catalog: opened from a configuration, and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import requests
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import (
    AuthorizationExpiredError,
    BadRequestError,
    CommitFailedException,
    CommitStateUnknownException,
    ForbiddenError,
    NoSuchNamespaceError,
    NoSuchTableError,
    OAuthError,
    RESTError,
    UnauthorizedError,
)
from sqlalchemy.exc import SQLAlchemyError

from tidegate.errors import ConflictError, FatalError, NotFoundError, RetriableError, TidegateError
from tidegate.sdk.config_def import Config

_JAVA_ONLY = frozenset({"catalog-impl", "io-impl", "hadoop-conf-dir"})
_REFUSED = (UnauthorizedError, ForbiddenError, OAuthError)


def catalog_properties(config: Mapping[str, str]) -> dict[str, str]:
    """PyIceberg's properties of the catalog, from a connector's configuration as given.

    Those that name Java classes are left out.
    """
    prefix = "iceberg.catalog."
    given = {key[len(prefix) :]: value for key, value in config.items() if key.startswith(prefix)}
    return {"type": "rest", **{key: value for key, value in given.items() if key not in _JAVA_ONLY}}


def open_catalog(config: Config) -> Catalog:
    """Opens the catalog of a connector; one catalog serves one thread.

    Raises:
        FatalError: it refuses us, or the properties are unusable.
        RetriableError: it is away.
    """
    with iceberg_errors("open the Iceberg catalog"):
        try:
            return load_catalog(config["iceberg.catalog"], **catalog_properties(config.originals))
        except (ValueError, KeyError, ImportError) as error:
            raise FatalError(
                f"The Iceberg catalog can not be opened: {error}.", remedy="Check the keys iceberg.catalog.*."
            ) from error


class CommitUnknownError(RetriableError):
    """A commit may or may not have happened; the table's position tells."""


@contextmanager
def iceberg_errors(what: str) -> Iterator[None]:
    """Turns the errors of PyIceberg, its transports and its file systems into ours.

    Args:
        what: what is being done, for the message: ``load table db.orders``.

    Raises:
        ConflictError: another writer was first.
        CommitUnknownError: see there.
        NotFoundError: the table, its namespace or a file is not there.
        FatalError: credentials or rights are wrong.
        RetriableError: everything else.
    """
    try:
        yield
    except TidegateError:
        raise
    except CommitFailedException as error:
        raise ConflictError(f"Cannot {what}: {error}.") from error
    except CommitStateUnknownException as error:
        raise CommitUnknownError(f"Cannot {what}: {error}.") from error
    except (NoSuchTableError, NoSuchNamespaceError, FileNotFoundError) as error:
        raise NotFoundError(f"Cannot {what}: {error}.") from error
    except _REFUSED as error:
        raise FatalError(
            f"Cannot {what}: the catalog refuses: {error}.", remedy="Check the credentials in iceberg.catalog.*."
        ) from error
    except PermissionError as error:
        raise FatalError(f"Cannot {what}: {error}.", remedy="Check the object store's credentials.") from error
    except BadRequestError as error:
        raise FatalError(f"Cannot {what}: {error}.", remedy="Check the catalog's log.") from error
    except OSError as error:
        if "ACCESS_DENIED" in str(error) or "AccessDenied" in str(error):
            raise FatalError(f"Cannot {what}: {error}.", remedy="Check the object store's credentials.") from error
        raise CommitUnknownError(f"Cannot {what}: {error}.", remedy="Check the catalog and the store.") from error
    except (RESTError, AuthorizationExpiredError, requests.RequestException, SQLAlchemyError) as error:
        raise CommitUnknownError(f"Cannot {what}: {error}.", remedy="Check that the catalog runs.") from error
