"""Connections to the server: SQL and replication, with deadlines, and what its errors mean."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors
from psycopg.pq import ExecStatus

from tidegate.errors import FatalError, RetriableError, TidegateError
from tidegate.sdk.config_def import Config

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

_STATEMENT_TIMEOUT_MS = 60_000
# How values look as text must not depend on the server's or the user's settings.
_FORMS = (
    "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=iso_8601 -c bytea_output=hex -c extra_float_digits=3 "
    "-c lc_monetary=C -c xmlbinary=base64"
)
_REFUSED = (
    errors.InvalidPassword,
    errors.InvalidAuthorizationSpecification,
    errors.InsufficientPrivilege,
    errors.InvalidCatalogName,
)
_UNPROVEN = ("certificate verify failed", "does not support ssl", "server certificate")
_EXHAUSTED = "53"
"""Class of the server's error codes for resources that are used up."""
_NAME_BYTES = 63
_STEP_SECONDS = 0.5


class Server:
    """How to reach the database of a configuration.

    Args:
        config: the connector's.
        connect_timeout_ms: deadline for connecting, if not the configuration's.
        application: name of the sessions on the server.
    """

    def __init__(self, config: Config, *, connect_timeout_ms: int | None = None, application: str = "tidegate") -> None:
        self.application = application[:_NAME_BYTES]
        place = f"{config['database.hostname']}:{config['database.port']}"
        self.name = f"PostgreSQL database {config['database.dbname']} at {place}"
        self._timeout = max(2, (connect_timeout_ms or config["connection.timeout.ms"]) // 1000)
        self._arguments: dict[str, Any] = {
            "host": config["database.hostname"],
            "port": config["database.port"],
            "user": config["database.user"],
            "password": config["database.password"],
            "dbname": config["database.dbname"],
            "sslmode": config["database.sslmode"],
            "sslcert": config["database.sslcert"],
            "sslkey": config["database.sslkey"],
            "sslpassword": config["database.sslpassword"],
            "sslrootcert": config["database.sslrootcert"],
            "keepalives": 1 if config["database.tcpKeepAlive"] else 0,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "client_encoding": "utf8",
            "application_name": self.application,
        }
        self._initial: str | None = config["database.initial.statements"]

    def connect(self, *, statement_timeout_ms: int = _STATEMENT_TIMEOUT_MS) -> psycopg.Connection[Any]:
        """A connection for SQL, in autocommit mode.

        Args:
            statement_timeout_ms: deadline of a statement; 0 for none.

        Raises:
            RetriableError: the server is away.
            FatalError: it refuses the user.
        """
        options = f"{_FORMS} -c statement_timeout={statement_timeout_ms}"
        connection = self._connect(options=options, tcp_user_timeout=30_000)
        connection.prepare_threshold = None
        if self._initial:
            connection.execute(self._initial)
        return connection

    def replication(self) -> Replication:
        """A connection for the replication protocol.

        Raises:
            RetriableError: the server is away.
            FatalError: it refuses the user.
        """
        return Replication(self, self._connect(options=_FORMS, replication="database"))

    def _connect(self, **more: Any) -> psycopg.Connection[Any]:
        arguments = {name: value for name, value in (self._arguments | more).items() if value is not None}
        try:
            return psycopg.connect(connect_timeout=self._timeout, autocommit=True, **arguments)
        except psycopg.Error as error:
            raise self.translate(error) from error

    def translate(self, error: psycopg.Error) -> TidegateError:
        """The error as ours: a lost or late server is retriable, a refused user or statement is not."""
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        lowered = text.lower()
        if isinstance(error, _REFUSED) or "authentication failed" in lowered or "no pg_hba.conf entry" in lowered:
            return FatalError(
                f"The {self.name} refuses: {text}.",
                remedy="Check database.user, database.password, the user's rights (REPLICATION, SELECT), pg_hba.conf.",
            )
        if any(sign in lowered for sign in _UNPROVEN):
            return FatalError(
                f"The {self.name} does not prove itself: {text}.",
                remedy="Check database.sslmode and database.sslrootcert.",
            )
        if "does not exist" in lowered and isinstance(error, psycopg.OperationalError):
            return FatalError(f"The {self.name} refuses: {text}.", remedy="Check database.dbname and database.user.")
        if (error.sqlstate or "").startswith(_EXHAUSTED):
            return RetriableError(
                f"The {self.name} is at a limit: {text}.",
                remedy="Raise max_replication_slots, max_wal_senders or max_connections, or drop slots nobody uses.",
            )
        if isinstance(error, (psycopg.OperationalError, errors.ObjectInUse, psycopg.InterfaceError)):
            return RetriableError(f"The {self.name} does not answer: {text}.", remedy="Check host, port and network.")
        return FatalError(f"The {self.name} refuses a statement: {text}.")


class Replication:
    """A connection for the replication protocol, which psycopg itself does not speak: libpq is used directly.

    Nothing here blocks in C, so that other threads run, and no wait is without a deadline or a way to stop.

    Args:
        server: where it is.
        connection: made with ``replication=database``.
    """

    def __init__(self, server: Server, connection: psycopg.Connection[Any]) -> None:
        self.server = server
        self._connection = connection
        self.libpq = connection.pgconn
        self.libpq.nonblocking = 1
        self._poll = select.poll()
        self._poll.register(self.libpq.socket, select.POLLIN)
        self._socket = socket.socket(fileno=os.dup(self.libpq.socket))

    def command(self, text: str, *, deadline: float, stopped: Callable[[], bool] = lambda: False) -> list[str | None]:
        """Runs a command and gives the row it answers with.

        Args:
            text: the command.
            deadline: seconds it may take.
            stopped: asked now and then whether to give up.

        Raises:
            RetriableError: it took longer, or was given up.
            TidegateError: the server refuses.
        """
        self._send(text)
        result = self._result(time.monotonic() + deadline, stopped)
        while self._result(time.monotonic() + deadline, stopped) is not None:
            pass
        if result is None or result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise self._failure(result)
        if not result.ntuples:
            return []
        values: Sequence[bytes | None] = [result.get_value(0, index) for index in range(result.nfields)]
        return [None if value is None else value.decode() for value in values]

    def start(self, text: str, *, deadline: float) -> None:
        """Runs the command that begins the stream.

        Raises:
            TidegateError: the server refuses.
        """
        self._send(text)
        result = self._result(time.monotonic() + deadline, lambda: False)
        if result is None or result.status != ExecStatus.COPY_BOTH:
            raise self._failure(result)

    def wait(self, seconds: float) -> bool:
        """Waits for something to read, at most so long; takes it in.

        Raises:
            RetriableError: the connection is lost.
        """
        if not self._poll.poll(seconds * 1000):
            return False
        try:
            self.libpq.consume_input()
        except psycopg.Error as error:
            raise self.server.translate(error) from error
        return True

    def wait_for_many(self, nbytes: int, seconds: float) -> None:
        """Waits until so much can be read, at most so long; what came meanwhile is not taken in yet.

        A server that sends many small messages is not slowed down by waking this thread for each of them, nor, as the
        system makes room for as much, by a socket that is full.
        """
        if self._socket.family == socket.AF_UNIX:
            time.sleep(seconds)
            return
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, nbytes)
        self._poll.poll(seconds * 1000)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)

    def send(self, message: bytes) -> None:
        """Sends CopyData.

        Raises:
            RetriableError: the connection is lost.
        """
        try:
            self.libpq.put_copy_data(message)
            self.libpq.flush()
        except psycopg.Error as error:
            raise self.server.translate(error) from error

    def ended(self) -> TidegateError:
        """Why the stream has ended."""
        result = self.libpq.get_result()
        if result is not None and result.error_message:
            return self._failure(result)
        return RetriableError(f"The {self.server.name} ended the replication stream.")

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()
        self._connection.close()

    def _send(self, text: str) -> None:
        try:
            self.libpq.send_query(text.encode())
            self.libpq.flush()
        except psycopg.Error as error:
            raise self.server.translate(error) from error

    def _result(self, until: float, stopped: Callable[[], bool]) -> PGresult | None:
        try:
            while self.libpq.is_busy():
                if time.monotonic() >= until or stopped():
                    raise RetriableError(
                        f"The {self.server.name} did not answer a replication command in time.",
                        remedy="A new slot waits for the transactions that are open; look for old ones in "
                        "pg_stat_activity.",
                    )
                if self._poll.poll(_STEP_SECONDS * 1000):
                    self.libpq.consume_input()
            return self.libpq.get_result()
        except psycopg.Error as error:
            raise self.server.translate(error) from error

    def _failure(self, result: PGresult | None) -> TidegateError:
        if result is None:
            return RetriableError(f"The {self.server.name} ended a replication command without a word.")
        return self.server.translate(errors.error_from_result(result, "utf-8"))
