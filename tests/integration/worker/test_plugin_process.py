"""Answers of plugins, on the event loop that services run on."""

from __future__ import annotations

import uvloop
from tidegate_worker.fork_server import ForkServer
from tidegate_worker.plugin_answers import Validated, WorkerFacts
from tidegate_worker.plugin_process import PluginProcess

from tests.integration.worker import plugins

_FACTS = WorkerFacts("test", {}, None, {}, "offsets", 1, 1)


def test_an_answer_longer_than_a_pipe_holds_comes_whole() -> None:
    async def ask() -> Validated:
        process = PluginProcess(ForkServer(), _FACTS)
        return await process.validate(f"{plugins.__name__}:WordySource", {}, definitions_only=True)

    found = {value.name: value for value in uvloop.run(ask()).values}
    assert len(found["topic"].doc) > 4_000_000
