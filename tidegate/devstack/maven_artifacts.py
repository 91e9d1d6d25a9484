"""Jars of a Maven artifact with its runtime dependencies, fetched once and kept outside the tree."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from tidegate.devstack.errors import ComponentMissingError, ComponentStartError

_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_TIMEOUT_SECONDS = 900


def cache_dir() -> Path:
    """Where fetched artifacts are kept: ``$TIDEGATE_CACHE``, else ``~/.cache/tidegate``."""
    configured = os.environ.get("TIDEGATE_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "tidegate"


def fetch_jars(name: str, coordinates: Sequence[str]) -> Path:
    """The directory ``<cache>/<name>`` holding the jars of ``coordinates`` and all their runtime dependencies.

    Safe to call from several processes at once: one fetches, the others wait for it. The directory appears whole
    or not at all.

    Args:
        name: directory name, which must change with the coordinates.
        coordinates: ``group:artifact:version`` each.

    Raises:
        ComponentMissingError: the jars are not there and Maven is not installed.
        ComponentStartError: Maven failed; the error shows the end of its output.
    """
    target = cache_dir() / name
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    # One lock for all names: Maven's own repository is not safe for several processes of it at once.
    with target.with_name("maven.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        maven = shutil.which("mvn")
        if maven is None:
            raise ComponentMissingError(
                f"Maven, which fetches {', '.join(coordinates)}, is not installed.",
                remedy="Install Maven (on Debian: apt-get install maven) so that mvn is on the PATH.",
            )
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}.") as work:
            jars = Path(work) / "jars"
            _copy_dependencies(maven, name, coordinates, jars, log_path=target.with_name(f"{name}.log"))
            jars.rename(target)
    return target


def _copy_dependencies(maven: str, name: str, coordinates: Sequence[str], jars: Path, *, log_path: Path) -> None:
    pom = jars.with_name("pom.xml")
    pom.write_text(_pom(name, coordinates))
    command = [maven, "-B", "-ntp", "-f", str(pom), _GOAL, f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS
        )
        output, problem = done.stdout + done.stderr, f"exited with status {done.returncode}"
        failed = done.returncode != 0
    except subprocess.TimeoutExpired as error:
        output, problem = (error.stdout or b"").decode(errors="replace"), f"took over {_TIMEOUT_SECONDS} s"
        failed = True
    log_path.write_text(output)
    if failed:
        tail = "\n".join(output.splitlines()[-30:])
        raise ComponentStartError(f"mvn for {name}", problem, log_path=log_path, log_tail=tail)


def _pom(name: str, coordinates: Sequence[str]) -> str:
    dependencies = ""
    for coordinate in coordinates:
        group, artifact, version = (escape(part) for part in coordinate.split(":"))
        dependencies += (
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version></dependency>\n"
        )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>\n'
        f"<groupId>tidegate.devstack</groupId><artifactId>{escape(name)}</artifactId>"
        "<version>1</version><packaging>pom</packaging>\n"
        f"<dependencies>\n{dependencies}</dependencies></project>\n"
    )
