"""The settings' reference tells what the code does."""

from __future__ import annotations

from pathlib import Path

from tidegate.config.reference_docs import with_reference

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == with_reference(PAGE.read_text()), "run make docs"
