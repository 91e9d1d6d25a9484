"""How much of what a source has ready goes into one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tidegate_worker.task.pipeline_stage import PipelineStage
from tidegate_worker.task.source_encoding import EncodedPoll
from tidegate_worker.task.source_polls import Mark

MOST_RECORDS: Final = 50_000
MOST_BYTES: Final = 8 * 1024 * 1024
_TAKE_WAIT: Final = 0.5


def take_transaction(
    encoded: PipelineStage[EncodedPoll], rest: Callable[[], float], *, goes_on: bool = False
) -> tuple[Sequence[EncodedPoll], Mark]:
    """What one transaction shall hold, and the mark that ends it.

    That is what is ready when it begins, up to ``MOST_RECORDS`` and ``MOST_BYTES``, which the last poll may pass: so
    transactions are small while little comes, and grow with the load. Waits for the first poll, and while the
    transaction before has not settled. Polls that have to be one transaction are taken in pieces of that size, and the
    one that ends them ends the transaction, so that it is open for no longer than it has to be.

    Args:
        encoded: polls as they become ready.
        rest: for how many seconds the transaction had better not begin.
        goes_on: whether they go on with a transaction that has been begun.

    Raises:
        BaseException: what ended the stage, once everything before it is taken.
    """
    ready: list[EncodedPoll] = []
    records = size = 0
    wait = _TAKE_WAIT
    while records < MOST_RECORDS and size < MOST_BYTES:
        each = encoded.take(wait, leave_failure=bool(ready))
        if each is None:
            break
        if each.mark is not Mark.RECORDS:
            return ready, each.mark
        ready.append(each)
        records += each.records
        size += each.bytes
        wait = rest()
        if goes_on and not each.goes_on:
            break
        goes_on = each.goes_on
    return ready, Mark.RECORDS
