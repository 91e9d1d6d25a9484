"""MariaDB from the programs of an installed package, such as Debian's ``mariadb-server-core``."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from tidegate.devstack.errors import ComponentMissingError
from tidegate.devstack.mysql_server import MySqlServer, os_user

_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec")


class MariaDB(MySqlServer):
    """A MariaDB server."""

    KIND: ClassVar[str] = "mariadb"
    PORTS: ClassVar[tuple[str, ...]] = ("mariadb",)

    def _prepare(self) -> None:
        if self._data.exists():
            return
        unfinished = self.directory / "data.install"
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [
            _program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={unfinished}",
            f"--user={os_user()}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]
        self._install(
            command,
            f"CREATE OR REPLACE USER '{self.user}'@'%' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO '{self.user}'@'%' WITH GRANT OPTION;\n"
            # Users that need no password.
            f"DELETE FROM mysql.global_priv WHERE User NOT IN ('{self.user}', 'mariadb.sys');\n"
            "FLUSH PRIVILEGES;\n",
        )
        unfinished.rename(self._data)

    def _command(self) -> Sequence[str]:
        return [_program("mariadbd"), "--no-defaults", *self._options({"skip-log-bin": ""})]


def _program(name: str) -> str:
    found = shutil.which(name) or next((f"{place}/{name}" for place in _PLACES if Path(place, name).is_file()), None)
    if found is None:
        raise ComponentMissingError(
            f"The program {name} of MariaDB is not on this machine.",
            remedy="Install MariaDB's server, on Debian with: apt-get install mariadb-server-core.",
        )
    return found
