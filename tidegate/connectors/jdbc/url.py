"""Database URLs: Java's ``jdbc:`` forms and SQLAlchemy's."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

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
# Options of libpq that Java's driver spells the same; the others are Java's own and mean nothing here.
_LIBPQ = {"sslmode", "sslrootcert", "sslcert", "sslkey", "application_name", "target_session_attrs"}
_JAVA_NAMES = {"ApplicationName": "application_name", "targetServerType": ""}


def parse_url(text: str, user: str | None = None, password: str | None = None) -> URL:
    """The SQLAlchemy URL of a ``jdbc:`` or SQLAlchemy URL.

    Args:
        text: the URL.
        user: user name, if not in the URL.
        password: password, if not in the URL.

    Raises:
        ValueError: the URL is malformed or of a database that is not supported; the message shows no password.
    """
    url = _from_jdbc(text[5:]) if text.lower().startswith("jdbc:") else _from_sqlalchemy(text)
    if user:
        url = url.set(username=user)
    if password:
        url = url.set(password=password)
    return url


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


def _from_jdbc(text: str) -> URL:
    kind, colon, rest = text.partition(":")
    driver = _DRIVERS.get(kind.lower())
    if not colon or driver is None:
        raise ValueError(f"database {kind!r} is not supported: {_SUPPORTED}")
    if kind.lower() == "sqlite":
        return URL.create(driver, database=rest)
    if kind.lower() == "oracle":
        return _oracle(driver, rest)
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
    query = {}
    if driver.startswith("postgresql"):
        renamed = {_JAVA_NAMES.get(name, name): value for name, value in options.items()}
        query = {name: value for name, value in renamed.items() if name in _LIBPQ}
        if options.get("ssl", "").lower() == "true":
            query.setdefault("sslmode", "verify-full" if "sslrootcert" in query else "require")
    return URL.create(driver, user, password, parts.hostname, port, unquote(parts.path.lstrip("/")) or None, query)


def _oracle(driver: str, rest: str) -> URL:
    prefix = "thin:@"
    if not rest.lower().startswith(prefix):
        raise ValueError("the Oracle URL is not of the thin driver: use jdbc:oracle:thin:@//host:port/service")
    address = rest[len(prefix) :]
    if address.startswith("//"):
        parts = urlsplit(address)
        return URL.create(
            driver, None, None, parts.hostname, parts.port, query={"service_name": parts.path.lstrip("/")}
        )
    pieces = address.split(":")
    if len(pieces) != 3 or not pieces[1].isdigit():
        raise ValueError("the Oracle URL is malformed: use jdbc:oracle:thin:@//host:port/service or @host:port:SID")
    return URL.create(driver, None, None, pieces[0], int(pieces[1]), pieces[2])
