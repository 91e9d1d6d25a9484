"""How the control plane's values are written in etcd: one JSON object a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from tidegate.errors import FatalError


class MalformedValueError(FatalError):
    """A value in etcd is not what its key promises: edited by hand, or written by an incompatible version."""


_ADAPTERS: dict[type[StoredValue], TypeAdapter[Any]] = {}


def _adapter(kind: type[StoredValue]) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


@dataclass(frozen=True)
class StoredValue:
    """Base of the frozen dataclasses that are values in etcd.

    Fields with a default may be missing in what is read, and fields not known are ignored, so that neighbouring
    versions can share a cluster.
    """

    def to_json(self) -> bytes:
        """The value as stored."""
        return _adapter(type(self)).dump_json(self)

    @classmethod
    def from_json(cls, value: bytes) -> Self:
        """The value read back.

        Raises:
            MalformedValueError: it is not JSON, or a field is missing or of another type. Names the fields, never
                their contents.
        """
        try:
            read: Self = _adapter(cls).validate_json(value)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, each['loc'])) or 'value'}: {each['msg']}"
                for each in error.errors(include_url=False, include_input=False, include_context=False)
            )
            raise MalformedValueError(
                f"a {cls.__name__} in etcd is malformed: {wrong}.",
                remedy="Delete the key, or run the version that wrote it.",
            ) from None
        return read
