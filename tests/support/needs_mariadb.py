"""What becomes of a test of MariaDB on a machine without it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.not_tested import skip_untested
from tidegate.devstack import ComponentMissingError

_PACKAGES = ("mariadb-server-core", "mariadb-client-core")
_DEADLINE_SECONDS = 280


def install_or_skip(config: pytest.Config) -> None:
    """Installs MariaDB's programs where they are missing and that is allowed: for root, or where CI=true.

    The package starts no server. Where it can not be installed the test is skipped, loudly, or fails where CI=true.
    """
    # One process of a run installs, the others wait for it.
    with (Path(tempfile.gettempdir()) / f"tidegate-mariadb-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
            return
        reason = _install(allowed=os.geteuid() == 0 or os.environ.get("CI", "").lower() == "true")
    if reason is not None:
        skip_untested(config, "NOT TESTED ON MARIADB", ComponentMissingError(reason))


def _install(*, allowed: bool) -> str | None:
    if not shutil.which("apt-get") or not allowed:
        return f"MariaDB is not on this machine: install {_PACKAGES[0]}, or run the tests as root, with apt-get."
    rights = [] if os.geteuid() == 0 else ["sudo", "-n"]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *_PACKAGES]):
        try:
            done = subprocess.run(
                [*rights, "apt-get", *arguments], env=env, capture_output=True, text=True, timeout=_DEADLINE_SECONDS
            )
        except subprocess.TimeoutExpired:
            return f"apt-get {' '.join(arguments)} took over {_DEADLINE_SECONDS} s."
        if done.returncode != 0:
            return f"apt-get {' '.join(arguments)} failed: {done.stderr.strip()}"
    return None
