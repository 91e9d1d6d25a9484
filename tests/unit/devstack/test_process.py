from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.support.eventually import eventually
from tidegate.devstack import ComponentMissingError, ComponentStartError, OwnedProcess, reap_leftovers
from tidegate.devstack.pid_file import PidFile, ProcessIdentity, pid_path

_CHILD = "import subprocess, sys, time; subprocess.Popen(['sleep', '600']); print('up', flush=True); time.sleep(600)"
_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def _python(name: str, code: str, state_dir: Path, **options: float) -> OwnedProcess:
    return OwnedProcess(name, [sys.executable, "-c", code], state_dir=state_dir, **options)  # type: ignore[arg-type]


def _says_up(process: OwnedProcess) -> None:
    eventually(lambda: "up" in process.log_tail(), timeout=10, message="the program is up")


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _family(process: OwnedProcess) -> list[int]:
    return [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]


def test_stop_ends_the_process_and_its_children_and_removes_the_pid_file(tmp_path: Path) -> None:
    with _python("parent", _CHILD, tmp_path) as process:
        _says_up(process)
        family = _family(process)
        assert len(family) == 2
        assert pid_path(tmp_path, "parent").exists()
    assert all(_gone(pid) for pid in family)
    assert not pid_path(tmp_path, "parent").exists()


def test_a_program_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    process = _python("stubborn", _STUBBORN, tmp_path, stop_grace=0.2)
    process.start()
    _says_up(process)
    process.stop()
    assert process.returncode == -9


def test_kill9_leaves_children_which_stop_still_ends(tmp_path: Path) -> None:
    process = _python("parent", _CHILD, tmp_path)
    process.start()
    _says_up(process)
    pid, child = _family(process)
    process.kill9()
    assert _gone(pid) and not process.alive
    assert not _gone(child)
    process.stop()
    assert _gone(child)


def test_kill9_of_the_tree_takes_children_along(tmp_path: Path) -> None:
    with _python("parent", _CHILD, tmp_path) as process:
        _says_up(process)
        family = _family(process)
        process.kill9(tree=True)
        assert all(_gone(pid) for pid in family)


def test_restart_runs_the_same_command_again(tmp_path: Path) -> None:
    with _python("parent", _CHILD, tmp_path) as process:
        first = process.pid
        process.restart()
        assert process.alive
        assert process.pid != first
        assert _gone(first)


def test_a_paused_process_can_be_resumed_and_stopped(tmp_path: Path) -> None:
    with _python("parent", _CHILD, tmp_path) as process:
        process.pause()
        eventually(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, timeout=5)
        assert process.alive
        process.resume()
        eventually(lambda: psutil.Process(process.pid).status() != psutil.STATUS_STOPPED, timeout=5)
        process.pause(tree=True)
    assert process.returncode == -15


def test_environment_and_working_directory_reach_the_program(tmp_path: Path) -> None:
    cwd = tmp_path / "work"
    cwd.mkdir()
    command = [sys.executable, "-c", "import os; print(os.environ['GATE'], os.getcwd())"]
    process = OwnedProcess("env", command, state_dir=tmp_path, env={"GATE": "open"}, cwd=cwd)
    process.start()
    assert process.wait(10) == 0
    process.stop()
    assert process.log_tail() == f"open {cwd}"


def test_a_program_that_ends_before_it_is_ready_is_reported_with_its_words(tmp_path: Path) -> None:
    with (
        _python("broken", "raise SystemExit('no such disk')", tmp_path) as process,
        pytest.raises(ComponentStartError, match=r"broken exited with status 1(.|\n)*no such disk"),
    ):
        process.wait_ready(_refuse, timeout=10)


def test_a_program_that_never_answers_is_reported_at_its_deadline(tmp_path: Path) -> None:
    with (
        _python("mute", _CHILD, tmp_path) as process,
        pytest.raises(ComponentStartError, match=r"not ready after 0.2 s \(ConnectionError: refused\)"),
    ):
        process.wait_ready(_refuse, timeout=0.2)


def test_an_answer_from_a_stranger_does_not_make_a_dead_program_ready(tmp_path: Path) -> None:
    process = _python("dead", "pass", tmp_path)
    process.start()
    process.wait(10)
    with pytest.raises(ComponentStartError, match="exited with status 0"):
        process.wait_ready(lambda: None, timeout=1)
    process.stop()


def test_a_missing_program_names_the_remedy(tmp_path: Path) -> None:
    process = OwnedProcess("absent", ["/no/such/program"], state_dir=tmp_path)
    with pytest.raises(ComponentMissingError, match=r"/no/such/program.*Install the program"):
        process.start()


def _refuse() -> None:
    raise ConnectionError("refused")


def _run_owner_and_kill_it(state_dir: Path) -> list[int]:
    code = (
        "import sys, time, pathlib\n"
        "from tidegate.devstack import OwnedProcess\n"
        f"p = OwnedProcess('orphan', [sys.executable, '-c', {_CHILD!r}], state_dir=pathlib.Path(sys.argv[1]))\n"
        "p.start(); time.sleep(600)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(state_dir)])
    try:
        log = state_dir / "orphan.log"
        eventually(lambda: "up" in log.read_text(), timeout=30, message="the orphan is up")
        record = psutil.Process(owner.pid).children()[0]
        return [record.pid, *(child.pid for child in record.children())]
    finally:
        owner.kill()
        owner.wait()


def test_leftovers_of_a_killed_owner_are_reaped_with_their_children(tmp_path: Path) -> None:
    family = _run_owner_and_kill_it(tmp_path)
    assert len(family) == 2 and not any(_gone(pid) for pid in family)
    assert reap_leftovers(tmp_path) == ["orphan"]
    assert all(_gone(pid) for pid in family)
    assert reap_leftovers(tmp_path) == []


def test_children_outliving_a_killed_leftover_are_reaped(tmp_path: Path) -> None:
    leader, child = _run_owner_and_kill_it(tmp_path)
    psutil.Process(leader).kill()
    eventually(lambda: _gone(leader), timeout=5)
    assert reap_leftovers(tmp_path) == ["orphan"]
    assert _gone(child)


def test_processes_of_a_living_owner_stay(tmp_path: Path) -> None:
    with _python("held", _CHILD, tmp_path) as process:
        assert reap_leftovers(tmp_path) == []
        assert process.alive


def test_a_pid_that_now_belongs_to_another_process_is_not_touched(tmp_path: Path) -> None:
    dead_owner = ProcessIdentity(pid=os.getpid(), create_time=1.0)
    with _python("stranger", _CHILD, tmp_path / "stranger") as stranger:
        now = ProcessIdentity.of(stranger.pid)
        recorded = replace(now, create_time=now.create_time - 3600)
        PidFile(name="old", process=recorded, owner=dead_owner).write(tmp_path)
        assert reap_leftovers(tmp_path) == []
        assert stranger.alive
    assert not pid_path(tmp_path, "old").exists()


def test_an_unreadable_pid_file_is_passed_over(tmp_path: Path) -> None:
    path = pid_path(tmp_path, "torn")
    path.parent.mkdir()
    path.write_text('{"name": "to')
    assert reap_leftovers(tmp_path) == []
    assert reap_leftovers(tmp_path / "absent") == []


def test_start_is_idempotent(tmp_path: Path) -> None:
    with _python("once", _CHILD, tmp_path) as process:
        first = process.pid
        process.start()
        assert process.pid == first


def test_waiting_for_a_process_has_a_deadline(tmp_path: Path) -> None:
    with _python("long", _CHILD, tmp_path) as process:
        with pytest.raises(TimeoutError, match="long still runs"):
            process.wait(0.1)
        assert process.alive
