"""The report says what the results say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.goals import verdicts
from benchmarks.profile import breakdown
from benchmarks.report import BEGIN, END, write_report
from benchmarks.result import Comparison, Run, Series
from benchmarks.results_file import ResultsFile
from benchmarks.settings import Settings


def comparison(ours: float, theirs: float) -> Comparison:
    series = [Series("tidegate"), Series("connect")]
    for each, rate in zip(series, (ours, theirs), strict=True):
        each.add({"rows/CPU-s": rate})
    return Comparison("json-source", "lines", series)


@pytest.mark.parametrize(("ours", "word"), [(500.0, "met"), (499.0, "**missed**")])
def test_a_goal_is_met_from_its_ratio_on(ours: float, word: str) -> None:
    first = verdicts([comparison(ours, 100.0)])[0]
    assert (first.goal.case, first.word) == ("json-source", word)


def test_a_side_without_a_steady_state_is_compared_by_the_whole() -> None:
    series = [Series("tidegate"), Series("connect")]
    series[0].add({"rows/CPU-s": 900.0, "rows/CPU-s with start": 400.0})
    series[1].add({"rows/CPU-s with start": 100.0})
    assert verdicts([Comparison("json-source", "lines", series)])[0].ratio == 4.0


def test_what_was_not_run_is_not_met() -> None:
    assert {each.word for each in verdicts([])} == {"not measured"}


def test_only_what_is_between_the_marks_is_renewed(tmp_path: Path) -> None:
    results = ResultsFile(tmp_path / "results.json")
    results.add(comparison(600.0, 100.0), Settings(repeats=2))
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_report(document, ResultsFile(tmp_path / "results.json"))
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| rows/CPU-s | 600 | 100 | 6.00× |" in text


def test_the_same_case_again_replaces_its_results(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for rate in (1.0, 2.0):
        ResultsFile(path).add(comparison(rate, 1.0), Settings())
    (found,) = ResultsFile(path).comparisons()
    assert found.series[0].figures == {"rows/CPU-s": [2.0]}


def test_a_transfer_without_a_steady_state_has_no_steady_rate() -> None:
    run = Run(100, 1.0, 2.0, 4.0, 0, 0.0, 0.0, 2**20, {})
    assert run.figures() == {"start s": 1.0, "rows/s with start": 50.0, "rows/CPU-s with start": 25.0, "peak MiB": 1.0}


def test_a_profile_is_told_by_function(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"
    stacks.write_text("run (tidegate_worker/task/loop.py:1);poll (x.py:3) 3\nrun (tidegate_worker/task/loop.py:2) 1\n")
    found = breakdown(stacks)
    assert found["self"] == {"poll (x.py)": "75.0%", "run (tidegate_worker/task/loop.py)": "25.0%"}
    assert found["total"] == {"run (tidegate_worker/task/loop.py)": "100.0%"}


def test_what_was_measured_on_another_machine_says_so(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    ResultsFile(path).add(comparison(600.0, 100.0), Settings())
    content = json.loads(path.read_text())
    content["comparisons"][0]["facts"]["processor"] = "an older one"
    path.write_text(json.dumps(content))
    document = tmp_path / "performance.md"
    document.write_text(f"{BEGIN}\n{END}\n")
    write_report(document, ResultsFile(path))
    assert "on another machine (an older one)" in document.read_text()
