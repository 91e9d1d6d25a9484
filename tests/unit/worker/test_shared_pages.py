"""What the fork server has imported for its processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


_WANTED = """
import os
import sys
import tidegate_worker.shared_pages
heavy = {"sqlalchemy", "boto3", "pymysql"}
print(sorted(heavy & set(sys.modules)))
with open(os.environ["TIDEGATE_WORKER_WANTED_PLUGINS"], "w") as wanted:
    wanted.write("no-such-plugin\\njdbc-source\\n")
if not os.fork():
    print(sorted(heavy & set(sys.modules)), flush=True)
    os._exit(0)
os.wait()
print(sorted(heavy & set(sys.modules)))
"""


def test_a_plugin_is_shared_once_it_is_wanted_and_the_others_cost_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "TIDEGATE_WORKER_WANTED_PLUGINS": str(tmp_path / "wanted")}
    done = subprocess.run(
        [sys.executable, "-u", "-c", _WANTED],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env=environment,
    )
    assert done.stdout.splitlines() == ["[]", "['sqlalchemy']", "['sqlalchemy']"]
