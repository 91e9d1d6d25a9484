"""A log that trickles: changes come steadily, few at a time.

A piece of the log costs a millisecond or more whatever its size. Taken as they come, the changes of a trickle would
keep a core busy with pieces of one change each, and with a Kafka transaction for each of them.
"""

from __future__ import annotations

TRICKLE_BYTES = 8 * 1024
"""A piece of fewer bytes is of a trickle."""
_TIMES_THE_COST = 3
_LEAST_SECONDS, _MOST_SECONDS = 0.003, 0.015


def pause(cost: float) -> float:
    """For how many seconds to let changes gather after a piece of a trickle, so that most of the time goes into none.

    Args:
        cost: seconds that the last piece has cost.
    """
    return min(max(_TIMES_THE_COST * cost, _LEAST_SECONDS), _MOST_SECONDS)
