"""Log sequence numbers: places in PostgreSQL's write-ahead log."""

from __future__ import annotations


def lsn_text(lsn: int) -> str:
    """A place as PostgreSQL writes it, such as ``0/16F5358``."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def parse_lsn(text: str) -> int:
    """The place that PostgreSQL's text names.

    Raises:
        ValueError: it is none.
    """
    high, slash, low = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r} is no log sequence number: they are of the form 0/16F5358")
    return int(high, 16) << 32 | int(low, 16)
