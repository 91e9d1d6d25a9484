"""What the benchmarks count is what was used."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks.measure.cpu import CpuMeter
from benchmarks.measure.memory import pss_bytes
from benchmarks.measure.process_tree import members, read_stat
from benchmarks.measure.timeline import SYSTEM, Timeline
from tests.support.eventually import eventually

BURN = "import time; end = time.process_time() + {}\nwhile time.process_time() < end: pass"
BURN_IN_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '''{BURN.format(0.3)}'''])"


def test_the_seconds_of_a_child_that_has_ended_are_counted() -> None:
    # The parent waits for its input to end, so that it can be looked at when its child is gone.
    program = f"{BURN_IN_CHILD}; print(flush=True); sys.stdin.read()"
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        meter = CpuMeter({SYSTEM: lambda: [parent.pid]})
        assert parent.stdout is not None
        parent.stdout.readline()
        assert meter.read()[SYSTEM] >= 0.3
    finally:
        parent.kill()
        parent.communicate()


def test_a_tree_holds_grandchildren_and_nobody_else() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; sys.stdin.read()'])"
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    try:
        eventually(lambda: len(members([parent.pid])) == 2, timeout=30)
        assert os.getpid() not in members([parent.pid])
        assert pss_bytes(members([parent.pid])) > pss_bytes([parent.pid]) > 0
    finally:
        assert parent.stdin is not None
        parent.stdin.close()
        parent.wait(30)


def test_a_process_that_is_gone_has_no_figures() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(30)
    assert read_stat(ended.pid) is None
    assert pss_bytes([ended.pid]) == 0


def test_a_timeline_knows_when_it_began_and_when_the_last_arrived() -> None:
    steps = iter([0, 0, 3, 3, 10])
    last = 0

    def progress() -> int:
        nonlocal last
        last = next(steps, last)
        return last

    began = time.monotonic()
    with Timeline({SYSTEM: lambda: [os.getpid()]}, progress, interval=0.001) as timeline:
        eventually(lambda: timeline.still_for > 0.01 and timeline.progress == 10, timeout=30)
    assert timeline.begun().progress == 3
    assert timeline.arrived().progress == 10
    assert began < timeline.begun().at < timeline.arrived().at < timeline.samples[-1].at
    assert timeline.arrived().cpu[SYSTEM] >= timeline.begun().cpu[SYSTEM]
