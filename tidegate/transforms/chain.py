"""A connector's transforms, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.errors import RetriableError
from tidegate.records.envelope import Batch
from tidegate.records.faults import RecordFault
from tidegate.transforms.predicate import Predicate
from tidegate.transforms.row_order import settled
from tidegate.transforms.transform import Transform
from tidegate.transforms.transformed import Part, Rows, Transformed, fault, whole


@dataclass(frozen=True, slots=True)
class Link:
    """One transform of a chain.

    Args:
        alias: its name in ``transforms``.
        transform: configured.
        predicate: chooses the records it is for; None for all.
        negate: whether it is for the records the predicate does not choose.
    """

    alias: str
    transform: Transform
    predicate: Predicate | None = None
    negate: bool = False


class TransformChain:
    """Applies transforms in their order. Pure: no IO but what a transform itself does.

    In a source it stands between ``poll`` and the converters, in a sink between the converters and ``put``.

    Args:
        links: in order; none for a connector without transforms.
    """

    def __init__(self, links: Sequence[Link] = ()) -> None:
        self._links = tuple(links)

    def __bool__(self) -> bool:
        """Whether there is any transform."""
        return bool(self._links)

    def apply(self, batch: Batch) -> Transformed:
        """Transforms a batch.

        Rows that stand in no part and have no fault were filtered out: their offsets count as those of any other.

        Args:
            batch: n records of one topic and one schema.

        Returns:
            Parts in the order of their first rows, each with the rows of ``batch`` its records were made of; within a
            topic records keep their order (see :func:`tidegate.transforms.row_order.in_row_order` for all topics
            together). Faults have the stage ``TRANSFORMATION`` and ascend by row.

        Raises:
            RetriableError: a system that a transform asks is away; nothing was transformed.
        """
        if not self._links:
            return whole(batch)
        parts = list(whole(batch).parts)
        faults: list[RecordFault] = []
        for link in self._links:
            made: list[Part] = []
            for part in parts:
                outcome = _isolating(link, part.batch)
                made += [Part(each.batch, part.rows[each.rows]) for each in outcome.parts]
                faults += [replace(each, row=int(part.rows[each.row])) for each in outcome.faults]
            parts = settled(made)
        return Transformed(parts, sorted(faults, key=lambda each: each.row))

    def close(self) -> None:
        """Closes the transforms and predicates."""
        for link in self._links:
            link.transform.close()
            if link.predicate is not None:
                link.predicate.close()


def _isolating(link: Link, batch: Batch) -> Transformed:
    """Applies a link; an exception is laid to the record that raises it also when it stands alone."""
    try:
        return _applied(link, batch)
    except (RetriableError, MemoryError):
        raise
    except Exception as error:  # a transform is foreign code and may fail in any way
        if len(batch) == 1:
            message = f"Transform {link.alias}: {error or type(error).__name__}"
            return Transformed([], [fault(0, message, type(error).__name__)])
    middle = len(batch) // 2
    first, second = _isolating(link, batch.slice(0, middle)), _isolating(link, batch.slice(middle))
    parts = [*first.parts, *(Part(part.batch, part.rows + middle) for part in second.parts)]
    faults = [*first.faults, *(replace(each, row=each.row + middle) for each in second.faults)]
    return Transformed(parts, faults)


def _applied(link: Link, batch: Batch) -> Transformed:
    if link.predicate is None:
        return link.transform.apply(batch)
    chosen = link.predicate.test(batch)
    if link.negate:
        chosen = pc.invert(chosen)
    mask = chosen.to_numpy(zero_copy_only=False)
    if mask.all():
        return link.transform.apply(batch)
    if not mask.any():
        return whole(batch)
    rows, others = _rows(mask), _rows(~mask)
    outcome = link.transform.apply(batch.take(pa.array(rows)))
    parts = [Part(part.batch, rows[part.rows]) for part in outcome.parts]
    faults = [replace(each, row=int(rows[each.row])) for each in outcome.faults]
    return Transformed([*parts, Part(batch.take(pa.array(others)), others)], faults)


def _rows(mask: np.ndarray) -> Rows:
    return np.flatnonzero(mask).astype(np.int64)
