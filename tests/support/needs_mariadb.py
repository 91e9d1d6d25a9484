"""What becomes of a test of MariaDB on a machine without it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

WITHOUT_MARIADB = pytest.StashKey[str]()
"""Why MariaDB could not be had, for the summary."""

_PACKAGES = ("mariadb-server-core", "mariadb-client-core")
_DEADLINE_SECONDS = 280


def install_or_skip(config: pytest.Config) -> None:
    """Installs MariaDB's programs where they are missing and that is allowed: for root, or where CI=true.

    The package starts no server. Where it can not be installed the test is skipped, loudly, or fails where CI=true.
    """
    if shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return
    ci = os.environ.get("CI", "").lower() == "true"
    reason = _install(ci)
    if reason is None:
        return
    if ci:
        pytest.fail(reason)
    config.stash[WITHOUT_MARIADB] = reason
    pytest.skip(reason)


def _install(ci: bool) -> str | None:
    root = os.geteuid() == 0
    if not shutil.which("apt-get") or not (root or ci):
        return f"MariaDB is not on this machine: install {_PACKAGES[0]}, or run the tests as root, with apt-get."
    rights = [] if root else ["sudo", "-n"]
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
