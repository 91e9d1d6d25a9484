"""MariaDB from the programs of an installed package, such as Debian's ``mariadb-server-core``."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy.engine import URL

from tidegate.devstack.component import Component
from tidegate.devstack.errors import ComponentMissingError, ComponentStartError
from tidegate.devstack.ports import LOOPBACK

if TYPE_CHECKING:
    import pymysql

_INSTALL_TIMEOUT_SECONDS = 120
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec")


class MariaDB(Component):
    """A MariaDB server that keeps its data over restarts and kills; not over a power loss.

    Started by root it runs as root, which MariaDB only does when told to.

    Args:
        state_dir: directory shared by all processes of one stack.
        settings: server options that replace or add to the defaults, such as ``{"sql-mode": ""}``.
        password: of the user ``tidegate``, who may do everything; effective when the data directory is made.
        name: unique in ``state_dir``.
        start_timeout: seconds from start to readiness.
    """

    KIND: ClassVar[str] = "mariadb"
    PORTS: ClassVar[tuple[str, ...]] = ("mariadb",)

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

    def sqlalchemy_url(self, database: str = "") -> str:
        """A SQLAlchemy URL for PyMySQL, password included."""
        url = URL.create("mariadb+pymysql", self.user, self.password, self.host, self.port("mariadb"), database or None)
        return url.render_as_string(hide_password=False)

    def connect(self, database: str | None = None) -> pymysql.Connection[Any]:
        """A connection in autocommit mode; needs the extra ``mysql``."""
        import pymysql

        return pymysql.connect(
            host=self.host,
            port=self.port("mariadb"),
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

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _prepare(self) -> None:
        if self._data.exists():
            return
        unfinished = self.directory / "data.install"
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [
            _program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={unfinished}",
            f"--user={_user()}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]
        with self.log_path.open("wb") as log:
            try:
                done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, timeout=_INSTALL_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                raise self._install_error(f"mariadb-install-db took over {_INSTALL_TIMEOUT_SECONDS} s") from None
        if done.returncode != 0:
            raise self._install_error(f"mariadb-install-db exited with status {done.returncode}")
        init = self.directory / "init.sql"
        init.touch(mode=0o600)
        init.write_text(
            f"CREATE OR REPLACE USER '{self.user}'@'%' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO '{self.user}'@'%' WITH GRANT OPTION;\n"
            # Users that need no password.
            f"DELETE FROM mysql.global_priv WHERE User NOT IN ('{self.user}', 'mariadb.sys');\n"
            "FLUSH PRIVILEGES;\n"
        )
        unfinished.rename(self._data)

    def _install_error(self, problem: str) -> ComponentStartError:
        tail = "\n".join(self.log_path.read_text(errors="replace").splitlines()[-30:])
        return ComponentStartError(self.name, problem, log_path=self.log_path, log_tail=tail)

    def _command(self) -> Sequence[str]:
        settings = {
            "datadir": str(self._data),
            "user": _user(),
            "bind-address": LOOPBACK,
            "port": str(self.port("mariadb")),
            # The directory's own path may be longer than a socket's may be.
            "socket": f"/tmp/tidegate-{os.getpid()}-{self.port('mariadb')}.sock",  # noqa: S108
            "pid-file": str(self.directory / "mariadb.server.pid"),
            "init-file": str(self.directory / "init.sql"),
            "innodb-buffer-pool-size": "64M",
            "innodb-flush-log-at-trx-commit": "2",
            "skip-log-bin": "",
            **self.settings,
        }
        options = [f"--{key}={value}" if value else f"--{key}" for key, value in settings.items()]
        return [_program("mariadbd"), "--no-defaults", *options]

    def _probe(self) -> None:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _program(name: str) -> str:
    found = shutil.which(name) or next((f"{place}/{name}" for place in _PLACES if Path(place, name).is_file()), None)
    if found is None:
        raise ComponentMissingError(
            f"The program {name} of MariaDB is not on this machine.",
            remedy="Install MariaDB's server, on Debian with: apt-get install mariadb-server-core.",
        )
    return found
