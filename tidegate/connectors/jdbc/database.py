"""Connections to the database: deadlines, session settings, its clock, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.pool import QueuePool

from tidegate.connectors.jdbc.driver_options import TINYINT, mysql_arguments
from tidegate.connectors.jdbc.keys import CONFIG, DIALECTS
from tidegate.connectors.jdbc.url import ParsedUrl, parse_url_and_options, with_backend
from tidegate.errors import ConfigError, ConfigProblem, FatalError, RetriableError, TidegateError
from tidegate.sdk.config_def import Config
from tidegate.telemetry.logging import get_logger

log = get_logger(__name__)

_CLOCK = {
    "postgresql": "SELECT clock_timestamp()",
    "mysql": "SELECT UTC_TIMESTAMP(6)",
    "mariadb": "SELECT UTC_TIMESTAMP(6)",
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "oracle": "SELECT SYS_EXTRACT_UTC(SYSTIMESTAMP) FROM dual",
}
_REFUSED = (
    "authentication failed",
    "access denied",
    "command denied",
    "no password supplied",
    "ora-01017",
    "permission denied",
)
_MISSING = ("no such table", "no such column", "does not exist", "unknown column", "doesn't exist", "unknown database")
# Drivers that call errors operational which are of the statement: MySQL's by number, SQLite's by what is left over.
_MYSQL_STATEMENT = {1052, 1055, 1060, 1064, 1066, 1111, 1140, 1222, 1241, 1242, 1247, 1248, 1305, 1356, 1582}
_SQLITE_AWAY = ("locked", "busy", "unable to open", "disk i/o error", "interrupted")
_EXTRAS = {"pymysql": "mysql", "oracledb": "oracle"}


class Database:
    """One database: at most one connection at a time, every call with a deadline.

    Args:
        url: where it is.
        connect_timeout_ms: deadline for connecting.
        statement_timeout_ms: deadline for one statement, where the database has such a thing.
        attempts: how often to try to connect.
        backoff_ms: pause between two attempts.
        wait: waits so many seconds; true when there is no more time.
        reads: whether nothing is written.

    Raises:
        FatalError: the driver for it is not installed.
    """

    def __init__(
        self,
        url: URL,
        *,
        connect_timeout_ms: int,
        statement_timeout_ms: int,
        attempts: int = 1,
        backoff_ms: int = 0,
        wait: Callable[[float], bool] | None = None,
        reads: bool = False,
    ) -> None:
        self.url = url
        self.statement_timeout_ms = statement_timeout_ms
        self._attempts = attempts
        self._backoff = backoff_ms / 1000
        self._wait = wait
        try:
            self.engine = _engine(url, connect_timeout_ms, statement_timeout_ms, reads=reads)
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            module = getattr(error, "name", None) or str(error)
            remedy = f"Install it: pip install 'tidegate[{_EXTRAS[module]}]'." if module in _EXTRAS else ""
            raise FatalError(f"The driver {module} for {url.get_backend_name()} is missing.", remedy=remedy) from error

        self.driver_error: type[Exception] = self.engine.dialect.loaded_dbapi.Error

    @classmethod
    def from_config(
        cls, config: Config, *, connect_timeout_ms: int | None = None, wait: Callable[[float], bool] | None = None
    ) -> Database:
        """The database a connector's configuration names.

        Args:
            config: the connector's configuration.
            connect_timeout_ms: deadline for connecting, if not the configuration's.
            wait: waits so many seconds between attempts to connect; true when there is no more time.
                Without it there is one attempt.

        Raises:
            FatalError: the driver for it is not installed.
        """
        found = _configured(config)
        if found.unused:
            log.warning("jdbc.options_without_effect", options=found.unused)
        return cls(
            found.url,
            connect_timeout_ms=connect_timeout_ms or config["connection.timeout.ms"],
            statement_timeout_ms=config["statement.timeout.ms"],
            attempts=config["connection.attempts"],
            backoff_ms=config["connection.backoff.ms"],
            wait=wait,
            reads=True,
        )

    @property
    def name(self) -> str:
        """Where it is, for people: without user and password."""
        if self.backend == "sqlite":
            return f"sqlite database {self.url.database}"
        port = f":{self.url.port}" if self.url.port else ""
        several = self.url.query.get("host", ())
        host = self.url.host or (several if isinstance(several, str) else ", ".join(several))
        return f"{self.backend} database {self.url.database or ''} at {host}{port}"

    @property
    def tinyint_is_boolean(self) -> bool:
        """Whether MySQL's TINYINT(1), as which it makes BOOLEAN, is taken for one."""
        return TINYINT not in self.url.query

    @property
    def backend(self) -> str:
        """Kind of database, as SQLAlchemy names it."""
        return self.engine.dialect.name

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection in autocommit mode: no transaction stays open between statements.

        Raises:
            RetriableError: the database is away or out of time.
            FatalError: it refuses the statement or the user.
        """
        try:
            with self._connected() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise self.translate(error) from error
        except self.driver_error as error:
            wrapped = DBAPIError.instance(None, None, error, self.driver_error, dialect=self.engine.dialect)
            assert isinstance(wrapped, SQLAlchemyError)
            raise self.translate(wrapped) from error

    def _connected(self) -> Connection:
        for attempt in range(1, self._attempts + 1):
            try:
                return self.engine.connect()
            except SQLAlchemyError as error:
                translated = self.translate(error)
                last = attempt == self._attempts or self._wait is None
                if last or not isinstance(translated, RetriableError):
                    raise
                log.warning("jdbc.connect_failed", database=self.name, attempt=attempt, error=str(translated))
                assert self._wait is not None
                if self._wait(self._backoff):
                    raise
        raise AssertionError("at least one attempt is made")

    def clock(self, connection: Connection) -> datetime:
        """The database's own time, with time zone."""
        value = connection.exec_driver_sql(_CLOCK[self.backend]).scalar_one()
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        moment: datetime = value
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

    def translate(self, error: SQLAlchemyError) -> TidegateError:
        """The error as ours: a lost or late database is retriable; a refused user or statement is not."""
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()
        text = cause[0] if cause else type(error).__name__
        lowered = " ".join(cause).lower()
        if any(sign in lowered for sign in _REFUSED):
            return FatalError(
                f"The {self.name} refuses the user: {text}.",
                remedy="Check connection.user, connection.password and the user's rights.",
            )
        if any(sign in lowered for sign in _MISSING):
            return FatalError(f"The {self.name} lacks what was asked for: {text}.")
        away = isinstance(error, (OperationalError, InterfaceError, InternalError))
        if isinstance(error, DBAPIError) and (error.connection_invalidated or (away and not self._of_statement(error))):
            return RetriableError(f"The {self.name} does not answer: {text}.", remedy="Check host, port and network.")
        if isinstance(error, sa.exc.TimeoutError):
            return RetriableError(f"The {self.name} gave no connection in time: {text}.")
        return FatalError(f"The {self.name} refuses the statement: {text}.")

    def _of_statement(self, error: DBAPIError) -> bool:
        arguments: Sequence[Any] = getattr(error.orig, "args", ())
        if self.backend in ("mysql", "mariadb"):
            return bool(arguments) and arguments[0] in _MYSQL_STATEMENT
        text = str(error.orig).lower()
        return self.backend == "sqlite" and not any(sign in text for sign in _SQLITE_AWAY)

    def close(self) -> None:
        """Closes the connection."""
        self.engine.dispose()


def configured_url(config: Config) -> URL:
    """The URL that a connector's configuration names, user, password and dialect applied.

    Raises:
        ConfigError: an option of the driver has a value that is none.
    """
    return _configured(config).url


def _configured(config: Config) -> ParsedUrl:
    given = config.with_prefix("connection.")
    options = {name: value for name, value in given.items() if f"connection.{name}" not in CONFIG.keys}
    try:
        parsed = parse_url_and_options(
            config["connection.url"], config["connection.user"], config["connection.password"], options
        )
    except ValueError as error:
        raise ConfigError([ConfigProblem("connection.url", str(error))]) from None
    backend = DIALECTS[config["dialect.name"]] if config["dialect.name"] else ""
    return ParsedUrl(with_backend(parsed.url, backend), parsed.unused) if backend else parsed


def _engine(url: URL, connect_timeout_ms: int, statement_timeout_ms: int, *, reads: bool) -> Engine:
    seconds = max(1, connect_timeout_ms // 1000)
    statement_seconds = max(1, statement_timeout_ms // 1000)
    arguments: dict[str, Any] = {}
    match url.get_backend_name():
        case "postgresql":
            given = url.query.get("options", "")
            settings = [f"-c statement_timeout={statement_timeout_ms} -c timezone=UTC", str(given)]
            arguments = {
                "connect_timeout": max(2, seconds),
                "options": " ".join(filter(None, settings)),
                # What the database stores in another encoding, its server converts.
                "client_encoding": "utf8",
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": statement_timeout_ms,
                # A plan kept on the server fails after ALTER TABLE.
                "prepare_threshold": None,
            }
        case "mysql" | "mariadb":
            url, arguments = mysql_arguments(url, reads=reads)
            arguments |= {
                "connect_timeout": seconds,
                "read_timeout": statement_seconds,
                "write_timeout": statement_seconds,
            }
        case "sqlite":
            arguments = {"timeout": seconds, "check_same_thread": False}
        case "oracle":
            arguments = {"tcp_connect_timeout": seconds}
    engine = sa.create_engine(
        url,
        connect_args=arguments,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=1,
        pool_timeout=seconds,
        pool_pre_ping=True,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )
    if url.get_backend_name() == "postgresql":
        event.listen(engine, "connect", _reading_postgres)
    if url.get_backend_name() == "oracle":

        @event.listens_for(engine, "connect")
        def _deadline(connection: Any, _record: Any) -> None:
            connection.call_timeout = statement_timeout_ms
            with connection.cursor() as cursor:
                # What is WITH LOCAL TIME ZONE is shown in the session's, and compared with times that have none in it.
                cursor.execute("ALTER SESSION SET TIME_ZONE = '+00:00'")

    return engine


def _reading_postgres(connection: Any, _record: Any) -> None:
    from tidegate.connectors.jdbc.postgres.loaders import register

    register(connection)
