"""When a piece of the replication stream is handed over."""

from __future__ import annotations

from tidegate.connectors.postgres_cdc.gathering import Gathering, flows


def test_a_change_after_a_while_of_nothing_is_handed_over_at_once() -> None:
    gathering = Gathering(0.0, flows=False)
    gathering.pause(0.001, 500)
    assert not gathering.waits_for_many
    assert gathering.quiet(0.001)


def test_what_flows_is_waited_for_until_much_has_come() -> None:
    gathering = Gathering(0.0, flows=True)
    gathering.pause(0.001, 500)
    assert gathering.waits_for_many
    gathering.pause(0.003, 60_000)
    assert not gathering.waits_for_many


def test_a_flow_that_begins_is_gathered_too() -> None:
    gathering = Gathering(0.0, flows=False)
    gathering.pause(0.001, 20_000)
    gathering.pause(0.002, 20_100)
    assert gathering.waits_for_many


def test_what_is_gathered_waits_for_a_tenth_of_a_second_at_most() -> None:
    gathering = Gathering(0.0, flows=True)
    for millisecond in range(1, 100):
        gathering.pause(millisecond / 1000, 500 * millisecond)
        assert not gathering.late(millisecond / 1000)
        assert not gathering.quiet(millisecond / 1000)
    assert gathering.late(0.1)


def test_a_flow_that_stops_is_handed_over_after_milliseconds() -> None:
    gathering = Gathering(0.0, flows=True)
    gathering.pause(0.010, 70_000)
    gathering.pause(0.015, 70_000)
    assert not gathering.quiet(0.015)
    assert gathering.quiet(0.019)


def test_a_flow_is_told_by_what_came() -> None:
    assert flows(64 * 1024)
    assert not flows(64 * 1024 - 1)
