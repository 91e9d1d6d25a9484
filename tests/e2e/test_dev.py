"""``tidegate dev`` as a user runs it: it comes up, and nothing of it stays."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.eventually import eventually
from tidegate.devstack.reaping import reap_leftovers

START_SECONDS = 120


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A state directory that is cleaned of processes whatever the test did."""
    for each in (tmp_path, *tmp_path.parents[:2]):
        each.chmod(0o755)
    yield tmp_path / "dev"
    reap_leftovers(tmp_path / "dev")


def start(directory: Path) -> tuple[subprocess.Popen[bytes], Path]:
    output = directory.parent / "dev.out"
    with output.open("wb") as out:
        command = [sys.executable, "-m", "tidegate.cli.main", "dev", f"--state-dir={directory}", "--workers=1"]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        eventually(
            lambda: process.poll() is not None or "Ctrl-C stops everything" in output.read_text(), timeout=START_SECONDS
        )
        assert process.poll() is None, output.read_text()
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process, output


def processes_of(directory: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(directory) in command:
            found.append(command)
    return found


@pytest.mark.timeout(400)
def test_it_shows_its_addresses_and_an_interrupt_leaves_no_process(directory: Path) -> None:
    process, output = start(directory)
    running = len(processes_of(directory))
    process.send_signal(signal.SIGINT)
    assert process.wait(90) == 0
    shown = output.read_text()
    for name in ("etcd", "kafka", "s3", "postgres", "registry-1", "coordinator-1", "coordinator-2", "worker-1"):
        assert name in shown
    assert "TIDEGATE_URL=http://127.0.0.1:" in shown
    assert running > 4
    assert processes_of(directory) == []
    assert list((directory / "pids").glob("*.json")) == []


@pytest.mark.timeout(400)
def test_after_a_crash_the_next_start_cleans_up(directory: Path) -> None:
    crashed, _ = start(directory)
    crashed.kill()
    crashed.wait()
    left = processes_of(directory)
    assert left
    process, output = start(directory)
    try:
        assert "what a crashed run had left" in output.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0
    assert processes_of(directory) == []


@pytest.mark.timeout(400)
def test_a_second_one_on_the_same_directory_is_refused_and_a_killed_service_comes_back(directory: Path) -> None:
    process, output = start(directory)
    try:
        command = [sys.executable, "-m", "tidegate.cli.main", "dev", f"--state-dir={directory}"]
        second = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert second.returncode == 1
        assert "in use" in second.stderr
        registry = [each for each in psutil.process_iter(["cmdline"]) if is_registry(each, directory)]
        registry[0].kill()
        eventually(lambda: "registry-1 ended" in output.read_text(), timeout=30)
        eventually(lambda: any(is_registry(each, directory) for each in psutil.process_iter(["cmdline"])), timeout=30)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0
    assert processes_of(directory) == []


def is_registry(process: psutil.Process, directory: Path) -> bool:
    command = process.info["cmdline"] or []
    return "registry" in command and any(str(directory) in part for part in command)
