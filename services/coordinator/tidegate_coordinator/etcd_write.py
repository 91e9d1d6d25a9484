"""A write the leader wants done, and how many of them go into one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tidegate.etcd import Compare, Op

# etcd's defaults: 128 operations a transaction, 1.5 MiB a request. One comparison is the leader's own.
_MOST_OPS = 120
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class EtcdWrite:
    """Operations that belong together, on conditions of their own.

    Args:
        ops: done all or not at all.
        compares: must hold besides the leadership.
    """

    ops: tuple[Op, ...]
    compares: tuple[Compare, ...] = ()


def batches(writes: Iterable[EtcdWrite]) -> Iterator[list[EtcdWrite]]:
    """The writes in order, in lists that each fit one transaction of etcd with default limits."""
    batch: list[EtcdWrite] = []
    ops = compares = size = 0
    for write in writes:
        its_size = sum(len(op.value) + len(op.key) for op in write.ops)
        full = (
            ops + len(write.ops) > _MOST_OPS
            or compares + len(write.compares) > _MOST_OPS
            or size + its_size > _MOST_BYTES
        )
        if batch and full:
            yield batch
            batch, ops, compares, size = [], 0, 0, 0
        batch.append(write)
        ops, compares, size = ops + len(write.ops), compares + len(write.compares), size + its_size
    if batch:
        yield batch
