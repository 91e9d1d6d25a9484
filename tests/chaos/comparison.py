"""What differs between the ledger and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.chaos.ledger import LedgerRow

_SHOWN = 20


def differences(ledger: Sequence[LedgerRow], found: Iterable[LedgerRow]) -> list[str]:
    """Rows that are not in ``found`` exactly once as the ledger has them, in words."""
    counts = Counter(found)
    expected = set(ledger)
    missing = sorted(row.id for row in expected if row not in counts)
    doubled = sorted(row.id for row, count in counts.items() if count > 1)
    strange = sorted(row.id for row in counts if row not in expected)
    return [
        f"{len(ids)} {what}: {', '.join(map(str, ids[:_SHOWN]))}{' ...' if len(ids) > _SHOWN else ''}"
        for what, ids in (("missing", missing), ("more than once", doubled), ("never written", strange))
        if ids
    ]
