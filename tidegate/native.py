"""The Rust extension, if it is there: Tidegate does the same without it, only slower.

``TIDEGATE_NATIVE=0`` leaves it alone even where it is installed.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import Any

INTERFACE = 5
"""The interface this code was written for; an extension with another one is left alone."""
ENVIRONMENT = "TIDEGATE_NATIVE"


def _load() -> tuple[ModuleType | None, str]:
    if os.environ.get(ENVIRONMENT, "1").strip().lower() in ("0", "false", "no"):
        return None, f"{ENVIRONMENT} is {os.environ[ENVIRONMENT]}"
    try:
        module = importlib.import_module("tidegate._native")
    except ImportError as error:
        return None, str(error)
    if module.INTERFACE != INTERFACE:
        return None, f"it was built for interface {module.INTERFACE}, not {INTERFACE}: run make native"
    return module, ""


extension, missing_because = _load()
"""The module ``tidegate._native`` or None, and why it is None."""


def announce(log: Any) -> None:
    """Says once, at the start of a program, which of the two does the work.

    Args:
        log: a structured logger.
    """
    if extension is None:
        log.info("native_extension_missing", reason=missing_because, consequence="pure Python does the same, slower")
    else:
        log.debug("native_extension_loaded", file=extension.__file__)
