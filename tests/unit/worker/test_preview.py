"""A preview shows what a source's transforms make of its records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from tidegate_worker.plugin_answers import WorkerFacts
from tidegate_worker.plugin_calls import preview

FACTS = WorkerFacts("c", {}, None, {}, "offsets", 1, 1)


def previewed(lines: str, path: Path, limit: int, **transforms: str) -> list[dict[str, Any]]:
    path.write_text(lines)
    config = {"name": "n", "connector.class": "file-source", "file": str(path), "topic": "lines"}
    more = {name.replace("__", "$").replace("_", "."): text for name, text in transforms.items()}
    return [orjson.loads(text) for text in preview(FACTS, {**config, **more}, limit)]


def test_records_are_shown_as_they_would_be_written(tmp_path: Path) -> None:
    found = previewed(
        '{"n":"7"}\n{"n":"x"}\n{"n":"9"}\n',
        tmp_path / "numbers.txt",
        3,
        transforms="cast,route",
        transforms_cast_type="Cast$Value",
        transforms_cast_spec="n:int32",
        transforms_route_type="RegexRouter",
        transforms_route_regex="(.*)",
        transforms_route_replacement="copy-$1",
    )
    assert found == [
        {"topic": "copy-lines", "key": None, "value": {"n": 7}},
        {"topic": "lines", "key": None, "value": {"n": "x"}, "error": "Field n: 'x' is no int32, or out of its range."},
        {"topic": "copy-lines", "key": None, "value": {"n": 9}},
    ]
