"""Whether the extension is used: as the environment and its interface say."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tidegate import native

_PROGRAM = """
from tidegate.telemetry import logging
from tidegate import native
from tidegate.records.avro_codec import avro_codec
logging.configure("info", "json", service="test")
native.announce(logging.get_logger("test"))
print(type(avro_codec()).__name__)
"""


def run(value: str | None) -> str:
    environment = {name: held for name, held in os.environ.items() if name != native.ENVIRONMENT}
    if value is not None:
        environment[native.ENVIRONMENT] = value
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout + done.stderr


def test_it_can_be_left_alone_and_that_is_said_once() -> None:
    output = run("0")
    assert "ColumnarCodec" in output
    assert output.count("native_extension_missing") == 1
    assert "TIDEGATE_NATIVE is 0" in output


@pytest.mark.skipif(native.extension is None, reason="the extension is not built")
def test_it_is_used_where_it_is() -> None:
    output = run(None)
    assert "NativeCodec" in output
    assert "native_extension_missing" not in output
