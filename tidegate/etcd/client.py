"""The client of etcd: reads, writes, transactions, watches and leases."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from tidegate.api.etcd.v1 import etcd_pb2 as pb
from tidegate.etcd import wire
from tidegate.etcd.caller import Caller
from tidegate.etcd.config import EtcdConfig
from tidegate.etcd.errors import EtcdClosedError, EtcdCompactedError, EtcdLeaseNotFoundError, EtcdRequestError
from tidegate.etcd.keyvalue import KeyValue, RangeResult
from tidegate.etcd.transaction import Compare, Op, OpKind, TxnResult
from tidegate.etcd.watch import Watch

PAGE_SIZE: Final = 1_000
"""Keys asked for at a time when listing, so that no answer grows without bound."""

_RELISTS: Final = 3


class EtcdClient:
    """One process's client of an etcd cluster; an async context manager, to be used from one event loop.

    Every method raises :class:`EtcdUnavailableError` when no endpoint answers within ``config.request_timeout``,
    :class:`EtcdRequestError` (a subclass says why) when etcd refuses, :class:`EtcdClosedError` after :meth:`close`.

    Args:
        config: endpoints and credentials.
    """

    def __init__(self, config: EtcdConfig) -> None:
        self.config = config
        self._caller: Caller | None = None
        self._watches: set[Watch] = set()
        self._closed = False

    @property
    def caller(self) -> Caller:
        """The path of every request, for the parts of this package that speak in streams.

        Raises:
            EtcdClosedError: the client is closed.
            ConfigError: a TLS file cannot be read.
        """
        if self._closed:
            raise EtcdClosedError("the etcd client is closed.")
        if self._caller is None:
            self._caller = Caller(self.config)
        return self._caller

    async def get(self, key: str, *, serializable: bool = False) -> KeyValue | None:
        """Read one key; None if it does not exist.

        Args:
            key: the key.
            serializable: answer from the asked member's own, possibly stale, state: works without a quorum.
        """
        request = pb.RangeRequest(key=wire.encode_key(key), serializable=serializable)
        answer = await self.caller.call(
            f"read {key}", lambda m: m.range, request, repeatable=True, require_leader=not serializable
        )
        return wire.decode_kv(answer.kvs[0]) if answer.kvs else None

    async def range(self, prefix: str, *, limit: int = 0, keys_only: bool = False) -> RangeResult:
        """List all keys that begin with ``prefix``, as of one revision; each page has its own time budget.

        Args:
            prefix: "" means every key.
            limit: at most so many keys, the first in order; 0 for all.
            keys_only: leave the values empty.
        """
        for _ in range(_RELISTS):
            try:
                return await self._list(prefix, limit, keys_only)
            except EtcdCompactedError:
                continue
        return await self._list(prefix, limit, keys_only)

    async def _list(self, prefix: str, limit: int, keys_only: bool) -> RangeResult:
        key, range_end = wire.prefix_range(prefix)
        kvs: list[KeyValue] = []
        revision = 0
        while True:
            page = PAGE_SIZE if not limit else min(PAGE_SIZE, limit - len(kvs))
            request = pb.RangeRequest(key=key, range_end=range_end, limit=page, revision=revision, keys_only=keys_only)
            answer: pb.RangeResponse = await self.caller.call(
                f"list {prefix}", lambda m: m.range, request, repeatable=True
            )
            revision = revision or answer.header.revision
            kvs.extend(wire.decode_kvs(answer.kvs))
            if not answer.more or (limit and len(kvs) >= limit):
                return RangeResult(tuple(kvs), revision)
            key = answer.kvs[-1].key + b"\x00"

    async def revision(self) -> int:
        """The store's present revision, agreed on by a quorum."""
        request = pb.RangeRequest(key=b"\x00", count_only=True)
        answer = await self.caller.call("read the revision", lambda m: m.range, request, repeatable=True)
        return answer.header.revision

    async def put(self, key: str, value: bytes, *, lease: int = 0) -> int:
        """Write one key whatever it holds; returns the revision.

        When an answer is lost the write is repeated, so another writer's value in between may be overwritten; where
        that matters use :meth:`txn` with a condition.

        Raises:
            EtcdLeaseNotFoundError: the lease is gone; nothing was written.
        """
        request = pb.PutRequest(key=wire.encode_key(key), value=value, lease=lease)
        answer = await self.caller.call(f"write {key}", lambda m: m.put, request, repeatable=True)
        return answer.header.revision

    async def delete(self, key: str) -> int:
        """Delete one key; returns how many keys that were.

        When an answer is lost the request is repeated, and then counts 0 for a key that the lost one deleted.
        """
        return await self._delete(f"delete {key}", wire.encode_key(key), b"")

    async def delete_prefix(self, prefix: str) -> int:
        """Delete all keys that begin with ``prefix``; returns how many, with the caveat of :meth:`delete`."""
        return await self._delete(f"delete everything under {prefix}", *wire.prefix_range(prefix))

    async def _delete(self, what: str, key: bytes, range_end: bytes) -> int:
        request = pb.DeleteRangeRequest(key=key, range_end=range_end)
        answer = await self.caller.call(what, lambda m: m.delete_range, request, repeatable=True)
        return answer.deleted

    async def txn(self, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()) -> TxnResult:
        """Check conditions and act on them, in one step.

        Args:
            compares: conditions; all must hold for ``success`` to run. Empty: it always runs.
            success: operations if they hold.
            failure: operations if they do not.

        Raises:
            EtcdOutcomeUnknownError: the answer was lost, and the transaction has conditions and writes, so that
                repeating it could report failure for what it did itself. Read the keys again.
        """
        request = wire.encode_txn(compares, success, failure)
        read_only = all(op.kind is OpKind.GET for op in (*success, *failure))
        keys = [*(compare.key for compare in compares), *(op.key for op in (*success, *failure))]
        answer = await self.caller.call(
            f"run a transaction on {keys[0] if keys else 'nothing'}",
            lambda m: m.txn,
            request,
            repeatable=read_only or not compares,
        )
        return wire.decode_txn(answer)

    def watch(self, prefix: str) -> Watch:
        """Follow all keys that begin with ``prefix``; see :class:`Watch`."""
        return self._watch(prefix, *wire.prefix_range(prefix))

    def watch_key(self, key: str) -> Watch:
        """Follow one key."""
        return self._watch(key, wire.encode_key(key), b"")

    def _watch(self, what: str, key: bytes, range_end: bytes) -> Watch:
        async def snapshot() -> RangeResult:
            if range_end:
                return await self.range(what)
            request = pb.RangeRequest(key=key)
            answer = await self.caller.call(f"read {what}", lambda m: m.range, request, repeatable=True)
            return RangeResult(wire.decode_kvs(answer.kvs), answer.header.revision)

        watch = Watch(self.caller, what, key, range_end, snapshot, self.revision, self._watches.discard)
        self._watches.add(watch)
        return watch

    async def grant_lease(self, ttl: int) -> int:
        """Take a lease; returns its id.

        The id is chosen here, so that repeating a request whose answer was lost finds the lease instead of leaking it.

        Args:
            ttl: seconds it lives without a keepalive; etcd raises it to its own minimum (2 s by default).
        """
        lease = secrets.randbelow(2**63 - 1) + 1
        request = pb.LeaseGrantRequest(ID=lease, TTL=ttl)
        try:
            await self.caller.call("take a lease", lambda m: m.lease_grant, request, repeatable=True)
        except EtcdRequestError as error:
            if "lease already exists" not in error.message:
                raise
        return lease

    async def revoke_lease(self, lease: int) -> None:
        """End a lease and delete every key that hangs on it; none there is no error."""
        request = pb.LeaseRevokeRequest(ID=lease)
        try:
            await self.caller.call("revoke a lease", lambda m: m.lease_revoke, request, repeatable=True)
        except EtcdLeaseNotFoundError:
            return

    async def close(self) -> None:
        """End every watch and connection. Idempotent."""
        self._closed = True
        for watch in tuple(self._watches):
            await watch.aclose()
        if self._caller is not None:
            await self._caller.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
