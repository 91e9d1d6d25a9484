from __future__ import annotations

from typing import Any

import pytest

from tidegate.connectors.opensearch.outcomes import Result, outcome, words


def item(action: str, status: int, error: str = "", reason: str = "") -> dict[str, Any]:
    problem = {"error": {"type": error, "reason": reason}} if error else {}
    return {action: {"status": status, **problem}}


@pytest.mark.parametrize(
    ("found", "result"),
    [
        (item("index", 201), Result.DONE),
        (item("delete", 404), Result.DONE),
        (item("index", 409, "version_conflict_engine_exception"), Result.SUPERSEDED),
        (item("create", 409, "version_conflict_engine_exception"), Result.SUPERSEDED),
        (item("delete", 409, "version_conflict_engine_exception"), Result.SUPERSEDED),
        (item("update", 409, "version_conflict_engine_exception"), Result.AGAIN),
        (item("index", 429, "rejected_execution_exception"), Result.AGAIN),
        (item("index", 503, "unavailable_shards_exception"), Result.AGAIN),
        (item("index", 403, "cluster_block_exception"), Result.AGAIN),
        (item("index", 404, "index_not_found_exception"), Result.AGAIN),
        (item("index", 400, "mapper_parsing_exception"), Result.MALFORMED),
        (item("index", 400, "illegal_argument_exception"), Result.MALFORMED),
        (item("index", 400, "strict_dynamic_mapping_exception"), Result.MALFORMED),
        (item("index", 400, "index_closed_exception"), Result.FATAL),
        (item("index", 403, "security_exception"), Result.FATAL),
        (item("index", 400, "illegal_argument_exception", "no write index is defined for alias [a]"), Result.FATAL),
    ],
)
def test_what_an_answer_means(found: dict[str, Any], result: Result) -> None:
    assert outcome(found).result is result


def test_the_reason_holds_the_causes_words() -> None:
    problem = {
        "type": "mapper_parsing_exception",
        "reason": "failed to parse field [n] of type [long]",
        "caused_by": {"type": "illegal_argument_exception", "reason": 'For input string: "x"'},
    }
    assert words({"error": problem}) == (
        'mapper_parsing_exception: failed to parse field [n] of type [long]: For input string: "x"'
    )
