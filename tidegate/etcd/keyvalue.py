"""A key of etcd with its value and history numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KeyValue:
    """One key as it was at some revision of the store.

    Args:
        key: the key, as text.
        value: the value's bytes.
        create_revision: revision of the store at which the key came into being; changes when it is deleted and
            created again, so it names this life of the key.
        mod_revision: revision of its last change.
        version: number of changes since its creation, 1 for a new key.
        lease: id of the lease it hangs on, 0 for none.
    """

    key: str
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int


@dataclass(frozen=True)
class RangeResult:
    """All keys of a range as they were at one revision.

    Args:
        kvs: the keys in order of their bytes.
        revision: the store's revision of the listing; watching from ``revision + 1`` misses nothing.
    """

    kvs: tuple[KeyValue, ...]
    revision: int
