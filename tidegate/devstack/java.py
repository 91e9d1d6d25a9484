"""The Java runtime of this machine."""

from __future__ import annotations

import os
import shutil

from tidegate.devstack.errors import ComponentMissingError


def find_java(needed_by: str) -> str:
    """Path of ``java``: that of ``JAVA_HOME`` where set, else the one on ``PATH``.

    Args:
        needed_by: what can not run without it, for the error.

    Raises:
        ComponentMissingError: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        where = f"in JAVA_HOME={home}" if home else "on the PATH"
        raise ComponentMissingError(
            f"{needed_by} needs Java 17 or newer, and there is no java {where}.",
            remedy="Install a Java runtime (on Debian: apt-get install openjdk-17-jre-headless).",
        )
    return found
