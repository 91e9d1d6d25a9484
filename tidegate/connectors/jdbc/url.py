"""Database URLs: Java's ``jdbc:`` forms and SQLAlchemy's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from tidegate.connectors.jdbc.driver_options import translated

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "sqlite": "sqlite",
    "oracle": "oracle+oracledb",
}
_SUPPORTED = (
    "use jdbc:postgresql://host:port/database, jdbc:mysql:, jdbc:mariadb:, jdbc:sqlite: or jdbc:oracle:thin:@//"
)


@dataclass(frozen=True, slots=True)
class ParsedUrl:
    """A URL, and what of it means nothing here.

    Args:
        url: SQLAlchemy's.
        unused: names of options of Java's driver.
    """

    url: URL
    unused: Sequence[str]


def parse_url(text: str, user: str | None = None, password: str | None = None) -> URL:
    """The SQLAlchemy URL of a ``jdbc:`` or SQLAlchemy URL: see :func:`parse_url_and_options`."""
    return parse_url_and_options(text, user, password, {}).url


def parse_url_and_options(text: str, user: str | None, password: str | None, options: Mapping[str, str]) -> ParsedUrl:
    """The SQLAlchemy URL of a ``jdbc:`` or SQLAlchemy URL, and options of Java's driver.

    Args:
        text: the URL.
        user: user name, if not in the URL.
        password: password, if not in the URL.
        options: more options of the driver, beside those in the URL.

    Raises:
        ValueError: the URL is malformed or of a database that is not supported; the message shows no password.
    """
    if text.lower().startswith("jdbc:"):
        url, given = _from_jdbc(text[5:])
    else:
        url, given = _from_sqlalchemy(text), {}
    used, unused = translated(url.get_backend_name(), {**given, **options})
    url = url.update_query_dict(used)
    if user:
        url = url.set(username=user)
    if password:
        url = url.set(password=password)
    return ParsedUrl(url, unused)


def with_backend(url: URL, backend: str) -> URL:
    """The URL read by another dialect than its first part says.

    Args:
        url: as :func:`parse_url` gives it.
        backend: kind of database, as SQLAlchemy names it.
    """
    return url if url.get_backend_name() == backend else url.set(drivername=_DRIVERS[backend])


def _from_sqlalchemy(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(f"this is not a database URL: {_SUPPORTED}") from None
    driver = _DRIVERS.get(url.drivername)
    if driver is not None:
        return url.set(drivername=driver)
    if url.get_backend_name() not in _DRIVERS:
        raise ValueError(f"database {url.get_backend_name()!r} is not supported: {_SUPPORTED}")
    return url


def _from_jdbc(text: str) -> tuple[URL, Mapping[str, str]]:
    kind, colon, rest = text.partition(":")
    driver = _DRIVERS.get(kind.lower())
    if not colon or driver is None:
        raise ValueError(f"database {kind!r} is not supported: {_SUPPORTED}")
    if kind.lower() == "sqlite":
        file, _, after = rest.partition("?") if not rest.startswith("file:") else (rest, "", "")
        return URL.create(driver, database=file), dict(parse_qsl(after))
    if kind.lower() == "oracle":
        return _oracle(driver, rest), {}
    rest, hosts = _several_hosts(rest) if driver.startswith("postgresql") else (rest, ())
    try:
        parts = urlsplit(rest)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"host or port is malformed ({error}): {_SUPPORTED}") from None
    if not parts.netloc:
        raise ValueError(f"there is no host after jdbc:{kind}: : {_SUPPORTED}")
    if "," in parts.netloc:
        raise ValueError("several hosts are not supported: name one")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    user = options.pop("user", None) or (unquote(parts.username) if parts.username else None)
    password = options.pop("password", None) or (unquote(parts.password) if parts.password else None)
    database = unquote(parts.path.lstrip("/")) or None
    host = None if hosts else parts.hostname
    query = {"host": tuple(hosts)} if hosts else {}
    return URL.create(driver, user, password, host, port, database, query), options


def _several_hosts(rest: str) -> tuple[str, Sequence[str]]:
    """A URL's text with one host in place of several, and these, each with its port; none where there is one."""
    parts = urlsplit(rest)
    users, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return rest, ()
    return rest.replace(parts.netloc, f"{users}{at}several", 1), hosts.split(",")


_ORACLE = re.compile(r"(?i)thin:(?:(?P<user>[^/@]+)/(?P<password>[^@]*))?@(?P<address>.+)", re.DOTALL)
_ORACLE_SID = re.compile(r"(?P<host>[^:/()]+):(?P<port>\d+):(?P<sid>[\w.$#]+)")
_ORACLE_SERVICE = re.compile(r"(?://)?(?P<host>[^:/()]+)(?::(?P<port>\d+))?/(?P<service>[\w.$#-]+)")


def _oracle(driver: str, rest: str) -> URL:
    found = _ORACLE.fullmatch(rest)
    if found is None:
        raise ValueError("the Oracle URL is not of the thin driver: use jdbc:oracle:thin:@//host:port/service")
    user, password, address = found["user"], found["password"], found["address"]
    if sid := _ORACLE_SID.fullmatch(address):
        return URL.create(driver, user, password, sid["host"], int(sid["port"]), sid["sid"])
    if service := _ORACLE_SERVICE.fullmatch(address):
        port = int(service["port"]) if service["port"] else None
        return URL.create(driver, user, password, service["host"], port, query={"service_name": service["service"]})
    if address.startswith("(") or "://" in address:
        # A descriptor, or an address with protocol and parameters: the driver reads them itself.
        return URL.create(driver, user, password, address)
    raise ValueError("the Oracle URL is malformed: use jdbc:oracle:thin:@//host:port/service or @host:port:SID")
