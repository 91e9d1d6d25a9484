"""What MariaDB and MySQL have in common: a user who may do everything, connections and databases."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import URL

from tidegate.devstack.component import Component
from tidegate.devstack.errors import ComponentStartError
from tidegate.devstack.ports import LOOPBACK

if TYPE_CHECKING:
    import pymysql

_INSTALL_TIMEOUT_SECONDS = 120


class MySqlServer(Component):
    """A server of MySQL's protocol that keeps its data over restarts and kills; not over a power loss.

    Started by root it runs as root, which it only does when told to.

    Args:
        state_dir: directory shared by all processes of one stack.
        settings: server options that replace or add to the defaults, such as ``{"sql-mode": ""}``.
        password: of the user ``tidegate``, who may do everything; effective when the data directory is made.
        name: unique in ``state_dir``.
        start_timeout: seconds from start to readiness.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        settings: dict[str, str] | None = None,
        password: str = "tidegate",  # noqa: S107  (a local demo's, shown to its user)
        name: str | None = None,
        start_timeout: float = 60.0,
    ) -> None:
        super().__init__(state_dir, name=name, start_timeout=start_timeout)
        self.user = "tidegate"
        self.password = password
        self.settings = settings or {}

    @property
    def host(self) -> str:
        """The address it listens on."""
        return LOOPBACK

    @property
    def sql_port(self) -> int:
        """The port it listens on."""
        return self.port(self.PORTS[0])

    def sqlalchemy_url(self, database: str = "") -> str:
        """A SQLAlchemy URL for PyMySQL, password included."""
        url = URL.create(f"{self.KIND}+pymysql", self.user, self.password, self.host, self.sql_port, database or None)
        return url.render_as_string(hide_password=False)

    def connect(self, database: str | None = None) -> pymysql.Connection[Any]:
        """A connection in autocommit mode; needs the extra ``mysql``."""
        import pymysql

        return pymysql.connect(
            host=self.host,
            port=self.sql_port,
            user=self.user,
            password=self.password,
            database=database,
            autocommit=True,
            connect_timeout=5,
            read_timeout=60,
        )

    def create_database(self, name: str) -> None:
        """Create an empty database of character set utf8mb4.

        Raises:
            pymysql.err.ProgrammingError: it exists.
        """
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")

    def _probe(self) -> None:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _install(self, command: Sequence[str], init: str) -> None:
        """Makes the data directory by a program of the server's, and keeps what is run at each start."""
        program = Path(command[0]).name
        with self.log_path.open("wb") as log:
            try:
                done = subprocess.run(
                    command,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=_INSTALL_TIMEOUT_SECONDS,
                    env={**os.environ, **self._environment()},
                )
            except subprocess.TimeoutExpired:
                raise self._install_error(f"{program} took over {_INSTALL_TIMEOUT_SECONDS} s") from None
        if done.returncode != 0:
            raise self._install_error(f"{program} exited with status {done.returncode}")
        path = self.directory / "init.sql"
        path.touch(mode=0o600)
        path.write_text(init)

    def _install_error(self, problem: str) -> ComponentStartError:
        tail = "\n".join(self.log_path.read_text(errors="replace").splitlines()[-30:])
        return ComponentStartError(self.name, problem, log_path=self.log_path, log_tail=tail)

    def _options(self, settings: dict[str, str]) -> list[str]:
        """Command line options: those both servers have, some more, and those asked for."""
        every = {
            "datadir": str(self._data),
            "user": os_user(),
            "bind-address": LOOPBACK,
            "port": str(self.sql_port),
            # The directory's own path may be longer than a socket's may be.
            "socket": f"/tmp/tidegate-{os.getpid()}-{self.sql_port}.sock",  # noqa: S108
            "pid-file": str(self.directory / f"{self.KIND}.server.pid"),
            "init-file": str(self.directory / "init.sql"),
            "innodb-buffer-pool-size": "64M",
            "innodb-flush-log-at-trx-commit": "2",
            **settings,
            **self.settings,
        }
        return [f"--{key}={value}" if value else f"--{key}" for key, value in every.items()]


def os_user() -> str:
    """Who the server runs as."""
    return pwd.getpwuid(os.geteuid()).pw_name
