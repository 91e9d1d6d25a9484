"""Connections to the server, with deadlines, and what its errors mean."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Any

from tidegate.connectors.mysql_cdc.keys import MARIADB_SSL_MODES
from tidegate.connectors.mysql_cdc.packets import PacketReader
from tidegate.errors import ConfigError, ConfigProblem, FatalError, RetriableError, TidegateError
from tidegate.sdk.config_def import Config

try:
    import pymysql
    from pymysql.err import MySQLError
except ImportError:  # pragma: no cover
    pymysql = None
    MySQLError = Exception

_READ_SECONDS = 60
_ACCESS_DENIED = frozenset({1044, 1045, 1142, 1143, 1227, 1370, 1698, 1820, 1251})
_AWAY = frozenset(
    {1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226, 2002, 2003, 2006, 2013, 2055, 1927, 3169}
)
_MASTER_FATAL = 1236
_ERROR_HEADER = 3
# Values must not depend on the server's or the user's settings. The server waits while Kafka is slow.
_SESSION = (
    "SET SESSION time_zone='+00:00'",
    "SET SESSION net_write_timeout=3600",
    "SET SESSION wait_timeout=86400",
    "SET SESSION sql_mode='NO_ENGINE_SUBSTITUTION'",
)


class Server:
    """How to reach the server of a configuration.

    Args:
        config: the connector's.
        connect_timeout_ms: deadline for connecting, if not the configuration's.

    Raises:
        ConfigError: PyMySQL is not installed.
    """

    def __init__(self, config: Config, *, connect_timeout_ms: int | None = None) -> None:
        if pymysql is None:
            raise ConfigError(
                [
                    ConfigProblem(
                        "connector.class", "needs PyMySQL: install the extra with pip install 'tidegate[mysql]'"
                    )
                ]
            )
        self.name = f"server at {config['database.hostname']}:{config['database.port']}"
        self._arguments: dict[str, Any] = {
            "host": config["database.hostname"],
            "port": config["database.port"],
            "user": config["database.user"],
            "password": config["database.password"] or "",
            "charset": "utf8mb4",
            "autocommit": True,
            "connect_timeout": max(1, (connect_timeout_ms or config["connect.timeout.ms"]) // 1000),
            "read_timeout": _READ_SECONDS,
            "write_timeout": _READ_SECONDS,
            "program_name": "tidegate",
            **_encryption(config),
        }
        self._initial: str | None = config["database.initial.statements"]

    def connect(self) -> Session:
        """A session in autocommit mode, whose times are UTC.

        Raises:
            RetriableError: the server is away.
            FatalError: it refuses the user.
        """
        try:
            connection = pymysql.connect(**self._arguments)
        except (MySQLError, OSError, ssl.SSLError) as error:
            raise self.translate(error) from error
        session = Session(self, connection)
        try:
            for statement in _SESSION:
                session.run(statement)
            for statement in filter(None, (one.strip() for one in (self._initial or "").split(";"))):
                session.run(statement)
        except TidegateError:
            session.close()
            raise
        return session

    def translate(self, error: BaseException) -> TidegateError:
        """The error as ours: a lost or late server is retriable, a refused user or statement is not."""
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        return self.refusal(code, str(error.args[-1]) if error.args else str(error))

    def refusal(self, code: int, text: str) -> TidegateError:
        """An error that the server answered with."""
        text = text.strip().rstrip(".")
        if code in _ACCESS_DENIED:
            return FatalError(
                f"The {self.name} refuses: {text}.",
                remedy="Check database.user, database.password, and grant SELECT, RELOAD, SHOW DATABASES, REPLICATION "
                "SLAVE, REPLICATION CLIENT (MariaDB: BINLOG MONITOR) ON *.* to the user.",
            )
        if code == _MASTER_FATAL:
            return self._log_error(text)
        if code in _AWAY or not code or (code >= 2000 and code < 3000):
            return RetriableError(f"The {self.name} does not answer: {text}.", remedy="Check host, port and network.")
        return FatalError(f"The {self.name} refuses a statement: {text}.")

    def _log_error(self, text: str) -> TidegateError:
        lowered = text.lower()
        if "same server_uuid" in lowered or "same server_id" in lowered or "same server id" in lowered:
            return RetriableError(
                f"The {self.name} has ended the stream: {text}.",
                remedy="Another replica or connector has the same database.server.id: give each its own.",
            )
        if any(
            word in lowered
            for word in ("purged", "could not find", "not in the master's binlog", "gtid", "impossible position")
        ):
            return FatalError(
                f"The {self.name} has not the log any more that is to be read next: {text}.",
                remedy="Changes since the last committed position are lost. Set snapshot.mode=when_needed to read the "
                "tables anew, or reset the connector's offsets; keep the log for longer than the connector may stand "
                "still (binlog_expire_logs_seconds, expire_logs_days).",
            )
        return RetriableError(f"The {self.name} has ended the stream: {text}.")


class Session:
    """One connection.

    Args:
        server: where it is.
        connection: made by PyMySQL.
    """

    def __init__(self, server: Server, connection: Any) -> None:
        self.server = server
        self._connection = connection

    def run(self, statement: str, arguments: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Runs a statement and gives its rows.

        Raises:
            RetriableError: the server is away.
            FatalError: it refuses.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, arguments)
                return list(cursor.fetchall()) if cursor.description else []
        except (MySQLError, OSError) as error:
            raise self.server.translate(error) from error

    def variable(self, name: str) -> str | None:
        """A global variable as text; None where the server has none of the name."""
        rows = self.run("SHOW GLOBAL VARIABLES WHERE Variable_name = %s", [name])
        return None if not rows else str(rows[0][1])

    @staticmethod
    def literal(text: str) -> str:
        """A text as a statement has it in the session's ``sql_mode``."""
        escaped = text.replace("\\", "\\\\").replace("'", "''")
        return f"'{escaped}'"

    def command(self, code: int, payload: bytes) -> PacketReader:
        """Sends a command whose answer the reader gives.

        Raises:
            RetriableError: the connection is lost.
        """
        try:
            self._connection._execute_command(code, payload)
            sock = self._connection._sock
            sock.settimeout(_READ_SECONDS)
        except (MySQLError, OSError) as error:
            raise self.server.translate(error) from error
        return PacketReader(sock, self.server.name)

    def refusal(self, packet: bytes) -> TidegateError:
        """The error that a packet tells, which begins with 0xff."""
        code = int.from_bytes(packet[1:_ERROR_HEADER], "little")
        text = packet[_ERROR_HEADER:]
        if text[:1] == b"#":
            text = text[6:]
        return self.server.refusal(code, text.decode("utf-8", "replace"))

    def close(self) -> None:
        """Closes the connection without a word: what it reads may not have come to its end."""
        if self._connection.open:
            self._connection._force_close()


def _encryption(config: Config) -> dict[str, Any]:
    mode: str = MARIADB_SSL_MODES.get(config["database.ssl.mode"], config["database.ssl.mode"])
    if mode == "disabled":
        return {"ssl_disabled": True}
    if mode == "preferred":
        return {}
    context = ssl.create_default_context(cafile=config["database.ssl.ca"])
    context.check_hostname = mode == "verify_identity"
    context.verify_mode = ssl.CERT_REQUIRED if mode.startswith("verify") else ssl.CERT_NONE
    if config["database.ssl.cert"]:
        context.load_cert_chain(config["database.ssl.cert"], config["database.ssl.key"])
    return {"ssl": context}
