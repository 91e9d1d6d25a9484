"""A JVM that applies Kafka Connect's and Debezium's transforms to records given as JSON."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from tidegate.devstack import ComponentMissingError
from tidegate.devstack.maven_artifacts import fetch_jars

VERSION = "4.1.0"
DEBEZIUM_VERSION = "3.3.1.Final"
COORDINATES = [
    f"org.apache.kafka:connect-transforms:{VERSION}",
    f"org.apache.kafka:connect-json:{VERSION}",
    f"io.debezium:debezium-core:{DEBEZIUM_VERSION}",
    "org.slf4j:slf4j-nop:1.7.36",
]
_PREFIX = "org.apache.kafka.connect.transforms."


@dataclass(frozen=True)
class Step:
    """One transform.

    Args:
        type: its name, without Kafka's package.
        config: its keys.
        predicate: type and keys of its predicate.
        negate: whether the predicate is negated.
    """

    type: str
    config: dict[str, str] = field(default_factory=dict)
    predicate: tuple[str, dict[str, str]] | None = None
    negate: bool = False


class ConnectTransforms:
    """The JVM.

    Raises:
        ComponentMissingError: Java or Maven is not installed.
    """

    def __init__(self) -> None:
        java = shutil.which("java")
        if java is None:
            raise ComponentMissingError("Java is not installed.", remedy="Install a JDK of version 17 or newer.")
        jars = fetch_jars(f"connect-transforms-{VERSION}-debezium-{DEBEZIUM_VERSION}", COORDINATES)
        source = Path(__file__).with_name("ConnectTransforms.java")
        options = [
            "-Xmx256m",
            "-Duser.timezone=UTC",
            "-Duser.language=en",
            "-Duser.country=US",
            "-Dfile.encoding=UTF-8",
        ]
        command = [java, *options, "-cp", f"{jars}/*", str(source)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> ConnectTransforms:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def apply(self, steps: Sequence[Step], records: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The results of the records, or ``unusable`` with the reason why the configuration is refused."""
        request = {"steps": [_step(step) for step in steps], "records": records}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(orjson.dumps(request) + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = orjson.loads(self._process.stdout.readline())
        return answer


def _step(step: Step) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": step.type if "." in step.type else _PREFIX + step.type,
        "config": step.config,
        "negate": step.negate,
    }
    if step.predicate is not None:
        kind, config = step.predicate
        made["predicate"] = {"type": f"{_PREFIX}predicates.{kind}", "config": config}
    return made
