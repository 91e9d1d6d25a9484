"""Values in etcd are read back as written, by neighbouring versions too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.control import (
    Assignment,
    Claim,
    ConnectorState,
    ConnectorStatusRecord,
    Layout,
    LeaderInfo,
    MalformedValueError,
    StoredValue,
    TaskSpec,
    TaskStatusRecord,
    WorkerInfo,
)

KINDS = (
    Assignment,
    Claim,
    ConnectorState,
    ConnectorStatusRecord,
    Layout,
    LeaderInfo,
    TaskSpec,
    TaskStatusRecord,
    WorkerInfo,
)


@given(st.one_of(*(st.from_type(kind) for kind in KINDS)))
def test_what_was_written_is_read(value: StoredValue) -> None:
    assert type(value).from_json(value.to_json()) == value


def test_fields_of_a_later_version_are_ignored() -> None:
    assert Claim.from_json(b'{"worker_id": "w", "generation": 1, "mood": "fine"}') == Claim("w", 1)


def test_fields_with_a_default_may_be_missing() -> None:
    assert Layout.from_json(b'{"generation": 1, "task_count": 2}') == Layout(1, 2, 0)


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"worker_id": "w"}', b'{"worker_id": 1, "generation": "x"}'])
def test_a_malformed_value_is_refused_by_name(value: bytes) -> None:
    with pytest.raises(MalformedValueError, match="Claim"):
        Claim.from_json(value)


def test_a_malformed_value_is_not_shown() -> None:
    with pytest.raises(MalformedValueError) as refusal:
        ConnectorState.from_json(b'{"config": {"password": ["hunter2"]}, "target_state": "hunter2"}')
    assert "hunter2" not in str(refusal.value)
    assert "config.password" in str(refusal.value)
