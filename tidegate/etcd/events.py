"""What a watch yields."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.etcd.keyvalue import KeyValue


@dataclass(frozen=True)
class Put:
    """A key was written.

    Args:
        kv: the key as it is now.
        prev_kv: as it was before; None for a new key, or when that revision is compacted.
    """

    kv: KeyValue
    prev_kv: KeyValue | None

    @property
    def key(self) -> str:
        """The key written."""
        return self.kv.key

    @property
    def mod_revision(self) -> int:
        """The store's revision of the write."""
        return self.kv.mod_revision


@dataclass(frozen=True)
class Delete:
    """A key was deleted, by someone or with its lease.

    Args:
        key: the key.
        mod_revision: the store's revision of the deletion.
        prev_kv: the key as it was before; None when that revision is compacted.
    """

    key: str
    mod_revision: int
    prev_kv: KeyValue | None


Event = Put | Delete


@dataclass(frozen=True)
class Snapshot:
    """Everything under the prefix at one revision; replaces all the watcher knew.

    Args:
        kvs: the keys, in order of their bytes.
        revision: the store's revision; changes that follow are later.
    """

    kvs: tuple[KeyValue, ...]
    revision: int


@dataclass(frozen=True)
class Changes:
    """Changes in the order in which they happened; those of one revision are never torn apart.

    Args:
        events: at least one.
        revision: the revision of the last one.
    """

    events: tuple[Event, ...]
    revision: int


WatchItem = Snapshot | Changes
