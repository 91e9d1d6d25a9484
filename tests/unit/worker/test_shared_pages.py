"""What the fork server has imported for its processes."""

from __future__ import annotations

import subprocess
import sys

_FIRST_VALUES = """
import sys
import tidegate_worker.shared_pages
import numpy
import pyarrow
before = set(sys.modules)
pyarrow.array([1])
pyarrow.array(numpy.array([1]))
print(sorted(set(sys.modules) - before))
"""


def test_the_first_arrow_values_of_a_task_import_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_VALUES], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"
