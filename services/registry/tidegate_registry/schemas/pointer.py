"""JSON pointers (RFC 6901)."""

from __future__ import annotations


def descend(pointer: str, *keys: str | int) -> str:
    """The pointer of a member below ``pointer``; "" is the whole document."""
    return pointer + "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def shown(pointer: str) -> str:
    """The pointer as people read it: "/" for the whole document."""
    return pointer or "/"
