"""The directory of one test run's processes, and the cleaning after runs that were killed."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import tempfile
from pathlib import Path

from tidegate.devstack.pid_file import ProcessIdentity
from tidegate.devstack.reaping import reap_leftovers

_OWNER = "owner.json"


def make_session_state() -> Path:
    """A fresh state directory for this run, after ending what dead runs of this user left behind.

    Directories of runs that still live, in another terminal, are left alone.
    """
    base = Path(tempfile.gettempdir()) / f"tidegate-tests-{getpass.getuser()}"
    base.mkdir(parents=True, exist_ok=True)
    for old in base.iterdir():
        if _owner_is_gone(old):
            # Another process of this run may be cleaning up the same one.
            with contextlib.suppress(FileNotFoundError):
                # Whole clusters have a directory of their own in it.
                for directory in (old, *old.iterdir()):
                    reap_leftovers(directory)
            shutil.rmtree(old, ignore_errors=True)
    own = Path(tempfile.mkdtemp(dir=base, prefix=f"{os.getpid()}-"))
    # Servers that run as another user have to reach their data in it.
    own.chmod(0o755)
    identity = ProcessIdentity.of(os.getpid())
    (own / _OWNER).write_text(json.dumps({"pid": identity.pid, "create_time": identity.create_time}))
    return own


def remove_session_state(state_dir: Path) -> None:
    """Delete the directory of this run; its processes must have been stopped."""
    shutil.rmtree(state_dir, ignore_errors=True)


def _owner_is_gone(directory: Path) -> bool:
    try:
        owner = ProcessIdentity(**json.loads((directory / _OWNER).read_text()))
    except (OSError, ValueError, TypeError):
        # A run that is making its directory right now has not written its name yet; its pid is in the directory's.
        pid = directory.name.split("-")[0]
        return not (pid.isdigit() and Path(f"/proc/{pid}").exists())
    return owner.find() is None
