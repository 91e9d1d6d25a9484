"""Names of the headers that halted records carry."""

from __future__ import annotations

CONNECT = "__connect.errors."
"""Prefix of Kafka Connect's (KIP-298)."""
TIDEGATE = "__tidegate.errors."
"""Prefix of what Tidegate says beyond them: ``rule``, ``path`` and ``sentence``."""
REPLAYS = "__tidegate.dlq.replays"
"""How often a record has been taken out of a dead letter queue and sent again, as decimal text."""
