"""Writes the registry's state: each write one transaction, all writes of all replicas in one order."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from tidegate.backoff import Backoff
from tidegate.etcd import Compare, EtcdClient, EtcdOutcomeUnknownError, EtcdUnavailableError, Op
from tidegate.telemetry.logging import get_logger
from tidegate_registry.cache import StateCache
from tidegate_registry.keys import RegistryKeys
from tidegate_registry.state import RegistryState

log = get_logger(__name__)

T = TypeVar("T")

_BUDGET_SECONDS: Final = 10.0

MAX_OPERATIONS: Final = 100
"""Operations a plan may have; etcd takes 128 a transaction."""


@dataclass(frozen=True)
class Plan(Generic[T]):
    """What a write will do.

    Args:
        result: what the caller gets once it is done.
        operations: what is written; empty if nothing has to be.
        last_id: the highest schema id after it; None leaves it.
    """

    result: T
    operations: Sequence[Op] = field(default=())
    last_id: int | None = None


Decide = Callable[[RegistryState], Awaitable[Plan[T]]]


class StateWriter:
    """Decides on fresh state and writes if nobody wrote in between; otherwise decides again.

    Every transaction demands that the ``head`` key is as it was when the decision was made, and changes it. So a
    decision may rest on anything in the state: subjects, levels, references, ids.

    Args:
        etcd: where the state is.
        keys: the cluster's keys.
        cache: this replica's view of the state.
    """

    def __init__(self, etcd: EtcdClient, keys: RegistryKeys, cache: StateCache) -> None:
        self._etcd = etcd
        self._keys = keys
        self._cache = cache
        # Writers of one replica would only make each other fail.
        self._turn = asyncio.Lock()

    async def write(self, decide: Decide[T]) -> T:
        """Carry out what ``decide`` plans, and return its result when this replica's reads show it.

        Args:
            decide: makes the plan from the state given; called again when another writer was faster. What it raises
                is raised.

        Raises:
            EtcdUnavailableError: etcd is away, or other writers were faster for the whole budget.
        """
        deadline = time.monotonic() + _BUDGET_SECONDS
        mark = uuid.uuid4().hex
        backoff = Backoff(first=0.005, longest=0.2)
        try:
            async with asyncio.timeout(_BUDGET_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise _out_of_budget() from None
        try:
            plan: Plan[T] | None = None
            while True:
                state = await self._cache.catch_up()
                if plan is not None and mark in state.head.writes:
                    return plan.result
                guard = state.head_revision
                plan = await decide(state)
                if not plan.operations or await self._attempt(plan, state, guard, mark):
                    return plan.result
                if time.monotonic() > deadline:
                    raise _out_of_budget()
                await asyncio.sleep(backoff.next())
        finally:
            self._turn.release()

    async def _attempt(self, plan: Plan[T], state: RegistryState, guard: int, mark: str) -> bool:
        if state.head_revision != guard:
            return False
        head = state.head.after(mark, state.head.last_id if plan.last_id is None else plan.last_id)
        try:
            done = await self._etcd.txn(
                [Compare.mod_revision(self._keys.head, "==", guard)],
                [Op.put(self._keys.head, head.to_json()), *plan.operations],
            )
        except EtcdOutcomeUnknownError:
            log.info("registry_write_outcome_unknown")
            return False
        if not done.succeeded:
            return False
        await self._cache.reach(done.revision)
        return True


def _out_of_budget() -> EtcdUnavailableError:
    return EtcdUnavailableError(f"the write did not get its turn within {_BUDGET_SECONDS:.0f} s.")
