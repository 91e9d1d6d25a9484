"""From what users want and what is there: the next step for one connector. Pure.

A connector is *laid out* when its tasks are those of its present generation, all of them. Getting there from another
layout takes steps, each of which etcd remembers, so that a new leader goes on at any of them:

1. split the connector into task configurations, while the tasks of the layout before go on;
2. remove these tasks and their assignments;
3. wait until nobody holds a claim;
4. fence the transactional ids of the old and the new tasks;
5. write the layout, then the tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tidegate.control import ConnectorState, ConnectorStatusRecord, ConnectorType, Layout, TaskSpec
from tidegate.etcd import Compare, Op
from tidegate_coordinator.cluster_state import ClusterState, Stored
from tidegate_coordinator.etcd_write import EtcdWrite


class Wish(NamedTuple):
    """Which layout the user asks for: changes when, and only when, the connector has to be split anew.

    Args:
        create_revision: this life of the connector.
        generation: its configuration.
        restart: its restarts by the user.
    """

    create_revision: int
    generation: int
    restart: int


@dataclass(frozen=True)
class Split:
    """A connector split into tasks.

    Args:
        configs: one a task, by number.
        type: source or sink.
    """

    configs: tuple[Mapping[str, str], ...]
    type: ConnectorType


@dataclass(frozen=True)
class Progress:
    """What the leader knows of a wish beside what etcd holds; lost with the leader, and found out again.

    Args:
        wish: what it is about.
        split: the result of step 1.
        fenced: of step 4, the ``mod_revision`` of the layout that was fenced and the number of tasks.
        failure: why a step could not be done.
    """

    wish: Wish
    split: Split | None = None
    fenced: tuple[int, int] | None = None
    failure: ConnectorStatusRecord | None = None


@dataclass(frozen=True)
class SplitConnector:
    """Step 1: ask a worker to split the connector.

    Args:
        wish: the answer belongs to it.
        config: the connector's configuration, secrets sealed.
    """

    wish: Wish
    config: Mapping[str, str]


@dataclass(frozen=True)
class FenceTasks:
    """Step 4: ask a worker to fence tasks.

    Args:
        wish: the answer belongs to it.
        config: the connector's configuration, secrets sealed.
        layout_revision: ``mod_revision`` of the layout that may still have zombies.
        task_count: how many tasks, from number 0.
    """

    wish: Wish
    config: Mapping[str, str]
    layout_revision: int
    task_count: int


Step = SplitConnector | FenceTasks | list[EtcdWrite]


def wish_of(connector: Stored[ConnectorState]) -> Wish:
    """What the connector's state asks for."""
    return Wish(connector.create_revision, connector.value.generation, connector.value.restart)


def has_all_tasks(state: ClusterState, name: str) -> bool:
    """Whether all tasks of the connector's last layout are there, be it of its present generation or the one before."""
    layout, tasks = state.layouts.get(name), state.tasks.get(name, {})
    return (
        layout is not None
        and len(tasks) == layout.value.task_count
        and all(
            number < layout.value.task_count and task.value.generation == layout.value.generation
            for number, task in tasks.items()
        )
    )


def is_laid_out(state: ClusterState, name: str) -> bool:
    """Whether the connector's tasks are complete and of its present generation."""
    connector, layout = state.connectors.get(name), state.layouts.get(name)
    if connector is None or layout is None:
        return False
    return layout.value.generation == connector.value.generation and has_all_tasks(state, name)


def is_settled(state: ClusterState, name: str) -> bool:
    """Whether there is no layout to be made for the connector: it is gone, stopped, or laid out as asked for."""
    connector, layout = state.connectors.get(name), state.layouts.get(name)
    if connector is None or connector.value.target_state == "STOPPED":
        return True
    return layout is not None and layout.value.restart == connector.value.restart and is_laid_out(state, name)


def next_step(state: ClusterState, name: str, progress: Progress | None) -> Step:
    """What brings one connector closer to what the user wants.

    Args:
        state: the control plane.
        name: the connector; need not exist any more.
        progress: what is known of it; of another wish, it is ignored.

    Returns:
        a question to a worker, or writes; no writes when there is nothing to do or something to wait for.
    """
    if state.is_unreadable(name):
        return []
    connector = state.connectors.get(name)
    if connector is None:
        return _clean_up(state, name, Compare.missing(state.keys.connector(name)))
    unchanged = Compare.mod_revision(state.keys.connector(name), "==", connector.mod_revision)
    if connector.value.target_state == "STOPPED":
        return _clean_up(state, name, unchanged)
    wish = wish_of(connector)
    known = progress if progress is not None and progress.wish == wish else Progress(wish)
    if is_settled(state, name):
        return _forget_old_statuses(state, name)
    if known.failure is not None and known.failure != _failure_in(state, name):
        return [EtcdWrite((Op.put(state.keys.connector_status(name), known.failure.to_json()),), (unchanged,))]
    if known.split is None:
        return SplitConnector(wish, connector.value.config)
    return _lay_out(state, name, connector, known, known.split, unchanged)


def _lay_out(
    state: ClusterState,
    name: str,
    connector: Stored[ConnectorState],
    known: Progress,
    split: Split,
    unchanged: Compare,
) -> Step:
    wish, layout = known.wish, state.layouts.get(name)
    if layout is not None and is_laid_out(state, name) and _tasks_equal(state, name, split):
        return [_put_layout(state, name, Layout(wish.generation, len(split.configs), wish.restart), unchanged)]
    if name in state.tasks or name in state.assignments:
        return [_remove_tasks(state, name, unchanged)]
    if name in state.claims:
        return []
    if layout is not None and layout.value.task_count:
        task_count = max(layout.value.task_count, len(split.configs))
        if known.fenced != (layout.mod_revision, task_count):
            return FenceTasks(wish, connector.value.config, layout.mod_revision, task_count)
    return [
        _put_layout(state, name, Layout(wish.generation, len(split.configs), wish.restart), unchanged),
        *(
            EtcdWrite(
                (
                    Op.put(
                        state.keys.task(name, number),
                        TaskSpec(dict(config), wish.generation, split.type).to_json(),
                    ),
                ),
                (unchanged,),
            )
            for number, config in enumerate(split.configs)
        ),
    ]


def _tasks_equal(state: ClusterState, name: str, split: Split) -> bool:
    tasks = state.tasks.get(name, {})
    return len(tasks) == len(split.configs) and all(
        number in tasks and tasks[number].value.config == dict(config) and tasks[number].value.type == split.type
        for number, config in enumerate(split.configs)
    )


def _put_layout(state: ClusterState, name: str, layout: Layout, unchanged: Compare) -> EtcdWrite:
    return EtcdWrite((Op.put(state.keys.layout(name), layout.to_json()),), (unchanged,))


def _remove_tasks(state: ClusterState, name: str, condition: Compare) -> EtcdWrite:
    keys = state.keys
    # Without its assignment a task can not be claimed any more: claims seen gone after this stay gone.
    ops = (keys.assignments_of(name), keys.tasks_of(name), keys.statuses_of(name))
    return EtcdWrite(tuple(Op.delete_prefix(prefix) for prefix in ops), (condition,))


def _clean_up(state: ClusterState, name: str, condition: Compare) -> list[EtcdWrite]:
    writes = []
    if name in state.tasks or name in state.assignments or name in state.statuses:
        writes.append(_remove_tasks(state, name, condition))
    if name in state.connector_statuses:
        writes.append(EtcdWrite((Op.delete(state.keys.connector_status(name)),), (condition,)))
    return writes


def _forget_old_statuses(state: ClusterState, name: str) -> list[EtcdWrite]:
    keys, tasks = state.keys, state.tasks.get(name, {})
    old = [keys.status(name, number) for number in state.statuses.get(name, {}) if number not in tasks]
    if name in state.connector_statuses:
        old.append(keys.connector_status(name))
    return [EtcdWrite((Op.delete(key),)) for key in old]


def _failure_in(state: ClusterState, name: str) -> ConnectorStatusRecord | None:
    stored = state.connector_statuses.get(name)
    return None if stored is None else stored.value
