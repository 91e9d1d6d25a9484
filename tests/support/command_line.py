"""``tidegate`` run within the test's process, as its entry point runs it: starting Python anew takes seconds."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

from tidegate.cli.main import main


@dataclass(frozen=True)
class Ran:
    """How a command ended.

    Args:
        code: its exit code.
        out: its standard output.
        err: its standard error.
    """

    code: int
    out: str
    err: str


def run_tidegate(*arguments: str, env: Mapping[str, str] | None = None) -> Ran:
    """Runs a command that ends by itself; its standard input is empty, its terminal 200 columns wide and colourless."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in {"COLUMNS": "200", "NO_COLOR": "1", **(env or {})}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["tidegate", *arguments])
        patch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code
    assert code is None or isinstance(code, int)
    return Ran(code or 0, out.getvalue(), err.getvalue())
