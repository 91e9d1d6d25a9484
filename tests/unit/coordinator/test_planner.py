"""What users notice of planning: balance, few moves, nothing on dead or draining workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from tidegate_coordinator.planner import Move, PlannedTask, PlannedWorker, TaskKey, plan

TASKS = st.sets(st.builds(TaskKey, st.sampled_from("abcd"), st.integers(0, 9)), max_size=30)
WORKERS = st.dictionaries(st.sampled_from(["w1", "w2", "w3", "w4", "w5"]), st.integers(1, 4), max_size=5)
HOLDERS = st.dictionaries(
    st.builds(TaskKey, st.sampled_from("abcde"), st.integers(0, 9)),
    st.sampled_from(["w1", "w2", "w3", "w4", "w5", "gone"]),
    max_size=30,
)


def tasks_of(keys: set[TaskKey]) -> list[PlannedTask]:
    return [PlannedTask(key) for key in keys]


def workers_of(slots: Mapping[str, int], draining: Sequence[str] = ()) -> list[PlannedWorker]:
    return [PlannedWorker(name, count, name in draining) for name, count in slots.items()]


def after(assignments: Mapping[TaskKey, str], moves: Sequence[Move]) -> dict[TaskKey, str]:
    result = dict(assignments)
    for move in moves:
        assert result.pop(move.task, None) == move.source
        assert move.source != move.target
        if move.target is not None:
            result[move.task] = move.target
    assert len({move.task for move in moves}) == len(moves)
    return result


def is_stable(counts: Mapping[str, int], slots: Mapping[str, int]) -> bool:
    return all(
        counts.get(one, 0) * slots[other] <= (counts.get(other, 0) + 1) * slots[one]
        for one, other in product(slots, slots)
        if one != other
    )


def settled(keys: set[TaskKey], slots: Mapping[str, int]) -> dict[TaskKey, str]:
    return after({}, plan(tasks_of(keys), workers_of(slots), {}, {}))


@given(TASKS, WORKERS, HOLDERS, HOLDERS, st.sets(st.sampled_from(["w1", "w2", "w3"])))
def test_every_task_is_on_one_live_worker_and_all_are_balanced(
    keys: set[TaskKey],
    slots: dict[str, int],
    assignments: dict[TaskKey, str],
    claims: dict[TaskKey, str],
    draining: set[str],
) -> None:
    moves = plan(tasks_of(keys), workers_of(slots, list(draining)), assignments, claims)
    result = after(assignments, moves)
    able = {name: count for name, count in slots.items() if name not in draining}
    assert result.keys() == (keys if able else set())
    assert set(result.values()) <= able.keys()
    assert is_stable(Counter(result.values()), able)


@given(TASKS, WORKERS, HOLDERS, HOLDERS)
def test_a_plan_once_carried_out_needs_no_more_moves(
    keys: set[TaskKey], slots: dict[str, int], assignments: dict[TaskKey, str], claims: dict[TaskKey, str]
) -> None:
    result = after(assignments, plan(tasks_of(keys), workers_of(slots), assignments, claims))
    assert plan(tasks_of(keys), workers_of(slots), result, claims) == []


@given(TASKS, WORKERS, HOLDERS, HOLDERS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(
    keys: set[TaskKey],
    slots: dict[str, int],
    assignments: dict[TaskKey, str],
    claims: dict[TaskKey, str],
    chance: object,
) -> None:
    import random

    assert isinstance(chance, random.Random)
    tasks, workers, held = tasks_of(keys), workers_of(slots), list(assignments.items())
    first = plan(tasks, workers, assignments, claims)
    for each in (tasks, workers, held):
        chance.shuffle(each)
    assert plan(tasks, workers, dict(held), claims) == first


@given(
    st.sets(st.builds(TaskKey, st.sampled_from("ab"), st.integers(0, 3)), max_size=7),
    st.dictionaries(st.sampled_from(["w1", "w2", "w3"]), st.integers(1, 3), min_size=1, max_size=3),
    HOLDERS,
)
@settings(max_examples=200)
def test_no_stable_allocation_is_fewer_moves_away(
    keys: set[TaskKey], slots: dict[str, int], assignments: dict[TaskKey, str]
) -> None:
    moves = [move for move in plan(tasks_of(keys), workers_of(slots), assignments, {}) if move.task in keys]
    held = Counter(assignments.get(key, "") for key in keys)
    names = list(slots)
    fewest = min(
        sum(max(0, count - held.get(name, 0)) for name, count in zip(names, counts, strict=True))
        for counts in product(range(len(keys) + 1), repeat=len(names))
        if sum(counts) == len(keys) and is_stable(dict(zip(names, counts, strict=True)), slots)
    )
    assert len(moves) == fewest


@given(TASKS, WORKERS.filter(lambda slots: len(slots) > 1), st.data())
def test_losing_a_worker_moves_its_tasks_only(keys: set[TaskKey], slots: dict[str, int], data: st.DataObject) -> None:
    before = settled(keys, slots)
    lost = data.draw(st.sampled_from(sorted(slots)))
    moves = plan(tasks_of(keys), workers_of({k: v for k, v in slots.items() if k != lost}), before, before)
    assert {move.task for move in moves} == {key for key, holder in before.items() if holder == lost}


@given(TASKS, WORKERS.filter(bool), st.integers(1, 4))
def test_a_new_worker_gets_its_share_and_nothing_moves_among_the_others(
    keys: set[TaskKey], slots: dict[str, int], its_slots: int
) -> None:
    before = settled(keys, slots)
    moves = plan(tasks_of(keys), workers_of({**slots, "new": its_slots}), before, before)
    assert {move.target for move in moves} <= {"new"}


@given(TASKS, WORKERS.filter(lambda slots: len(slots) > 1), st.data())
def test_a_draining_workers_tasks_go_away_and_no_others(
    keys: set[TaskKey], slots: dict[str, int], data: st.DataObject
) -> None:
    before = settled(keys, slots)
    draining = data.draw(st.sampled_from(sorted(slots)))
    moves = plan(tasks_of(keys), workers_of(slots, [draining]), before, before)
    assert {move.source for move in moves} <= {draining}
    assert draining not in after(before, moves).values()


@given(TASKS, TASKS, WORKERS)
def test_new_tasks_move_no_running_ones(keys: set[TaskKey], more: set[TaskKey], slots: dict[str, int]) -> None:
    before = settled(keys, slots)
    moves = plan(tasks_of(keys | more), workers_of(slots), before, before)
    assert {move.task for move in moves} <= more - keys


@given(st.dictionaries(st.integers(0, 20), st.integers(1, 5), max_size=20), WORKERS.filter(bool), HOLDERS)
def test_tasks_of_different_weight_are_balanced_too(
    weights: dict[int, int], slots: dict[str, int], assignments: dict[TaskKey, str]
) -> None:
    tasks = [PlannedTask(TaskKey("a", number), weight) for number, weight in weights.items()]
    result = after(assignments, plan(tasks, workers_of(slots), assignments, {}))
    load: Counter[str] = Counter()
    for task in tasks:
        load[result[task.key]] += task.weight
    for task in tasks:
        holder = result[task.key]
        for other in slots.keys() - {holder}:
            assert load[holder] * slots[other] <= (load[other] + task.weight) * slots[holder]


@given(TASKS, WORKERS, HOLDERS, st.sets(st.sampled_from(["w1", "w2", "w3", "w4"])))
def test_a_task_goes_only_to_workers_that_can_run_it(
    keys: set[TaskKey], slots: dict[str, int], assignments: dict[TaskKey, str], able: set[str]
) -> None:
    tasks = [PlannedTask(key, workers=frozenset(able) if key.connector == "a" else None) for key in keys]
    result = after(assignments, plan(tasks, workers_of(slots), assignments, {}))
    assert {result[key] for key in result if key.connector == "a"} <= able
    assert {key for key in keys if key.connector != "a" and slots} <= result.keys()


def test_a_task_stays_where_it_is_claimed_when_its_assignment_is_lost() -> None:
    keys = {TaskKey("a", number) for number in range(4)}
    claims = {key: "w1" if key.task < 2 else "w2" for key in keys}
    assert after({}, plan(tasks_of(keys), workers_of({"w1": 1, "w2": 1}), {}, claims)) == claims


def test_of_an_overloaded_workers_tasks_those_not_yet_claimed_move() -> None:
    assignments = {TaskKey("a", number): "w1" for number in range(4)}
    claims = {TaskKey("a", number): "w1" for number in range(2)}
    moves = plan(tasks_of(set(assignments)), workers_of({"w1": 1, "w2": 1}), assignments, claims)
    assert {move.task.task for move in moves} == {2, 3}


def test_ten_thousand_tasks_on_many_workers() -> None:
    keys = {TaskKey(f"connector-{number % 4_200}", number // 4_200) for number in range(10_000)}
    slots = {f"worker-{number}": 16 + number % 3 for number in range(200)}
    before = settled(keys, slots)
    assert is_stable(Counter(before.values()), slots)
    doubled = slots | {f"more-{number}": 16 for number in range(200)}
    moved = plan(tasks_of(keys), workers_of(doubled), before, before)
    assert {move.target for move in moved} <= doubled.keys() - slots.keys()
    assert is_stable(Counter(after(before, moved).values()), doubled)
