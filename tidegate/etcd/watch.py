"""List, then follow the changes: through restarts of etcd, compaction and lost connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Self

from tidegate.api.etcd.v1 import etcd_pb2 as pb
from tidegate.backoff import Backoff
from tidegate.etcd.caller import STREAM_ERRORS, Caller
from tidegate.etcd.errors import EtcdError, EtcdUnavailableError
from tidegate.etcd.events import Snapshot, WatchItem
from tidegate.etcd.keyvalue import RangeResult
from tidegate.etcd.wire import decode_changes
from tidegate.telemetry.logging import get_logger

if TYPE_CHECKING:
    from grpc.aio import StreamStreamCall

    WatchCall = StreamStreamCall[pb.WatchRequest, pb.WatchResponse]

log = get_logger(__name__)

_QUEUED_ITEMS: Final = 8
_STABLE_SECONDS: Final = 5.0


class _End:
    """Put into the queue behind the last item."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


class Watch:
    """An async iterator over a prefix: first a :class:`Snapshot`, then :class:`Changes` in order, none lost.

    A lost connection is resumed, on any endpoint, after the last revision seen. When that is impossible, because etcd
    has compacted it away or its store has gone back (restored from a backup), a new Snapshot follows, which replaces
    all that was known. Waiting for the next item may be cancelled or timed out without losing one. One consumer only.

    Iterating raises :class:`EtcdRequestError` when etcd refuses the watch for good (permission); everything else is
    retried until :meth:`aclose`.

    Made by :meth:`EtcdClient.watch`, which closes it with the client.

    Args:
        caller: the client's request path.
        what: the prefix or key, for messages.
        key: first key, in bytes.
        range_end: end of the range; empty for one key.
        snapshot: lists the range.
        revision: reads the store's present revision.
        on_closed: called once when the watch has ended.
    """

    def __init__(
        self,
        caller: Caller,
        what: str,
        key: bytes,
        range_end: bytes,
        snapshot: Callable[[], Awaitable[RangeResult]],
        revision: Callable[[], Awaitable[int]],
        on_closed: Callable[[Watch], None],
    ) -> None:
        self._caller = caller
        self._what = what
        self._key = key
        self._range_end = range_end
        self._list = snapshot
        self._store_revision = revision
        self._on_closed = on_closed
        self._queue: asyncio.Queue[WatchItem | _End] = asyncio.Queue(_QUEUED_ITEMS)
        self._follower: asyncio.Task[None] | None = None
        self._seen: int | None = None
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchItem:
        if self._closed and self._queue.empty():
            raise StopAsyncIteration
        if self._follower is None:
            self._follower = asyncio.create_task(self._run(), name=f"etcd watch {self._what}")
        item = await self._queue.get()
        if not isinstance(item, _End):
            return item
        self._closed = True
        self._on_closed(self)
        if item.error is not None:
            raise item.error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Stop following; a consumer that waits ends its iteration. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._on_closed(self)
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.wait({self._follower})
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(_End())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _run(self) -> None:
        backoff = Backoff()
        while True:
            started = time.monotonic()
            try:
                if self._seen is None:
                    listed = await self._list()
                    self._seen = listed.revision
                    await self._queue.put(Snapshot(listed.kvs, listed.revision))
                await self._follow()
            except EtcdError as error:
                log.info("etcd_watch_interrupted", watch=self._what, seen=self._seen, reason=error.message)
            except Exception as error:
                await self._queue.put(_End(error))
                return
            if time.monotonic() - started > _STABLE_SECONDS:
                backoff.reset()
            await asyncio.sleep(backoff.next())

    async def _follow(self) -> None:
        """Follow on one member until the stream ends.

        Raises:
            EtcdError: the stream was lost or ended by the server, to be resumed.
            EtcdRequestError: etcd refuses the watch.
        """
        endpoint = self._caller.endpoints.preferred
        timeout = self._caller.attempt_timeout
        call: WatchCall | None = None
        try:
            await endpoint.ready(timeout)
            call = endpoint.methods.watch(metadata=await self._caller.metadata())
            # Not wait_for, which loses a cancellation that comes together with the answer.
            async with asyncio.timeout(timeout):
                created = await self._create(call)
            if await self._store_went_back(created.header.revision):
                log.warning("etcd_store_went_back", watch=self._what, seen=self._seen)
                self._seen = None
                return
            while self._seen is not None:
                await self._take(await _read(call))
        except (*STREAM_ERRORS, EtcdUnavailableError) as error:
            raise self._caller.interrupted(error, endpoint) from None
        except asyncio.CancelledError:
            if not self._caller.closed_under_us():
                raise
            raise EtcdUnavailableError("the etcd client was closed.") from None
        finally:
            if call is not None:
                call.cancel()

    async def _create(self, call: WatchCall) -> pb.WatchResponse:
        assert self._seen is not None
        create = pb.WatchCreateRequest(
            key=self._key,
            range_end=self._range_end,
            start_revision=self._seen + 1,
            progress_notify=True,
            prev_kv=True,
        )
        await call.write(pb.WatchRequest(create_request=create))
        created = await _read(call)
        if created.canceled:
            await self._take(created)
        return created

    async def _store_went_back(self, member_revision: int) -> bool:
        """Whether the store is older than what was seen: a lagging member is not, one restored from a backup is."""
        if self._seen is None or member_revision >= self._seen:
            return False
        return await self._store_revision() < self._seen

    async def _take(self, response: pb.WatchResponse) -> None:
        if response.compact_revision:
            log.info("etcd_watch_compacted", watch=self._what, seen=self._seen, compacted=response.compact_revision)
            self._seen = None
        elif response.canceled:
            await self._refused(response.cancel_reason)
        elif response.events:
            changes = decode_changes(response)
            self._seen = changes.revision
            await self._queue.put(changes)
        elif not response.created and self._seen is not None:
            # A progress notification: the member has delivered everything up to this revision.
            self._seen = max(self._seen, response.header.revision)

    async def _refused(self, reason: str) -> None:
        # etcd says "permission denied" for a stale token too; listing logs in anew and tells which it is.
        self._caller.forget_login()
        await self._list()
        raise EtcdUnavailableError(f"etcd cancelled the watch of {self._what}: {reason}.")


async def _read(call: WatchCall) -> pb.WatchResponse:
    response = await call.read()
    if isinstance(response, pb.WatchResponse):
        return response
    raise EtcdUnavailableError("the server ended the stream.")
