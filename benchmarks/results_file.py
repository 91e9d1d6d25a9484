"""A file that gathers results of several runs: a case that is run again replaces what was there of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.result import Comparison
from benchmarks.settings import Settings


class ResultsFile:
    """Comparisons by case and title.

    Args:
        path: JSON; made when the first result is added.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: dict[str, Any] = {"machine": {}, "comparisons": []}
        if path.exists():
            self._content = json.loads(path.read_text())

    @property
    def machine(self) -> dict[str, str]:
        """Where they were measured."""
        found: dict[str, str] = self._content["machine"]
        return found

    def comparisons(self) -> list[Comparison]:
        """All of them, in the order they were first added."""
        return [Comparison.from_json(each) for each in self._content["comparisons"]]

    def add(self, comparison: Comparison, settings: Settings) -> None:
        """Adds one, or replaces the earlier one of the same case and title; written at once."""
        here = machine()
        document = comparison.as_json()
        document["facts"] = {**document["facts"], "repeats": settings.repeats, "processor": here["processor"]}
        kept = self._content["comparisons"]
        for place, each in enumerate(kept):
            if (each["case"], each["title"]) == (comparison.case, comparison.title):
                kept[place] = document
                break
        else:
            kept.append(document)
        self._content["machine"] = here
        self._path.write_text(json.dumps(self._content, indent=1) + "\n")
