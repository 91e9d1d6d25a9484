"""The page on transforms names every transform, predicate and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tidegate.transforms.plugins import installed_predicates, installed_transforms

PAGE = (Path(__file__).parents[3] / "docs" / "transforms.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)$(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("transform", installed_transforms(), ids=lambda one: str(one.name))
def test_every_key_of_a_transform_is_in_its_section(transform: type) -> None:
    section = SECTIONS[transform.name]  # type: ignore[attr-defined]
    keys = transform.config_def.keys  # type: ignore[attr-defined]
    assert [key for key in keys if f"`{key}`" not in section and key != "replace.null.with.default"] == []


def test_every_predicate_is_there() -> None:
    for predicate in installed_predicates():
        assert all(f"`{name}`" in PAGE for name in (predicate.name, *predicate.config_def.keys))
