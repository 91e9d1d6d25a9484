"""Transactions of etcd: what must hold, and what is done then."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from tidegate.etcd.keyvalue import KeyValue

Operator = Literal["==", "!=", "<", ">"]


class CompareTarget(enum.Enum):
    """The property of a key that a comparison looks at."""

    MOD_REVISION = "mod_revision"
    CREATE_REVISION = "create_revision"
    VERSION = "version"
    VALUE = "value"


@dataclass(frozen=True)
class Compare:
    """One condition of a transaction. A key that does not exist has revisions and version 0, and no value.

    Args:
        key: the key looked at.
        target: which of its properties.
        operator: how the property is compared with ``operand``.
        operand: a revision or version, or the bytes of a value.
    """

    key: str
    target: CompareTarget
    operator: Operator
    operand: int | bytes

    @classmethod
    def mod_revision(cls, key: str, operator: Operator, revision: int) -> Compare:
        """The revision of the key's last change."""
        return cls(key, CompareTarget.MOD_REVISION, operator, revision)

    @classmethod
    def create_revision(cls, key: str, operator: Operator, revision: int) -> Compare:
        """The revision at which the key was created."""
        return cls(key, CompareTarget.CREATE_REVISION, operator, revision)

    @classmethod
    def version(cls, key: str, operator: Operator, version: int) -> Compare:
        """The number of changes since the key was created."""
        return cls(key, CompareTarget.VERSION, operator, version)

    @classmethod
    def value(cls, key: str, operator: Operator, value: bytes) -> Compare:
        """The key's value; a key that does not exist fails every comparison of its value."""
        return cls(key, CompareTarget.VALUE, operator, value)

    @classmethod
    def exists(cls, key: str) -> Compare:
        """The key exists."""
        return cls(key, CompareTarget.CREATE_REVISION, ">", 0)

    @classmethod
    def missing(cls, key: str) -> Compare:
        """The key does not exist."""
        return cls(key, CompareTarget.CREATE_REVISION, "==", 0)


class OpKind(enum.Enum):
    """What an operation does."""

    PUT = "put"
    DELETE = "delete"
    GET = "get"


@dataclass(frozen=True)
class Op:
    """One operation of a transaction.

    Args:
        kind: what it does.
        key: the key, or the prefix with ``prefix=True``.
        prefix: whether it means every key that begins with ``key``.
        value: the bytes to put.
        lease: the lease the put key hangs on, 0 for none.
    """

    kind: OpKind
    key: str
    prefix: bool = False
    value: bytes = b""
    lease: int = 0

    @classmethod
    def put(cls, key: str, value: bytes, lease: int = 0) -> Op:
        """Write a key."""
        return cls(OpKind.PUT, key, value=value, lease=lease)

    @classmethod
    def delete(cls, key: str) -> Op:
        """Delete a key; none there is no error."""
        return cls(OpKind.DELETE, key)

    @classmethod
    def delete_prefix(cls, prefix: str) -> Op:
        """Delete every key that begins with ``prefix``."""
        return cls(OpKind.DELETE, prefix, prefix=True)

    @classmethod
    def get(cls, key: str) -> Op:
        """Read a key."""
        return cls(OpKind.GET, key)

    @classmethod
    def get_prefix(cls, prefix: str) -> Op:
        """Read every key that begins with ``prefix``."""
        return cls(OpKind.GET, prefix, prefix=True)


@dataclass(frozen=True)
class TxnResult:
    """What a transaction did.

    Args:
        succeeded: True when every condition held and the success operations ran; False when the failure ones did.
        revision: the store's revision after it.
        gets: for each get among the operations that ran, in their order, the keys it found.
    """

    succeeded: bool
    revision: int
    gets: tuple[tuple[KeyValue, ...], ...]
