"""Which tests go to one process together when several run at a time: those that share what is dear to start."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

_ON_ONE_CLUSTER = ("tests/e2e/control/", "tests/chaos/")
_ALONE = "tests/chaos/test_every_step.py"


class SharedComponentScheduling(LoadFileScheduling):  # type: ignore[misc]
    """A file's tests stay together, and so do the files that work on one whole cluster."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return next((each for each in _ON_ONE_CLUSTER if file.startswith(each) and file != _ALONE), file)
