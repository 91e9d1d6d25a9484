"""The synchronous gRPC client of the schema registry."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal, Self, TypeVar, cast

import grpc

from tidegate.api.registry.v1 import registry_pb2 as pb
from tidegate.api.registry.v1 import registry_pb2_grpc
from tidegate.backoff import Backoff
from tidegate.errors import ConfigError, ConfigProblem
from tidegate.grpc.channel import sync_channel
from tidegate.registry_client.bounded_cache import BoundedCache
from tidegate.registry_client.errors import RegistryUnavailableError
from tidegate.registry_client.refusal import is_worth_another_replica, to_error
from tidegate.registry_client.schema import RegisteredSchema, Schema, SchemaReference, SchemaType

T = TypeVar("T")

_LATEST: Final = -1
_CACHED_SCHEMAS: Final = 1_000
_FIRST_WAIT: Final = 0.05
_LONGEST_WAIT: Final = 1.0
_LEAST_ATTEMPT: Final = 0.5

_NUMBERS: Final[dict[str, pb.SchemaType.ValueType]] = {
    "AVRO": pb.SCHEMA_TYPE_AVRO,
    "JSON": pb.SCHEMA_TYPE_JSON,
    "PROTOBUF": pb.SCHEMA_TYPE_PROTOBUF,
}


class RegistryClient:
    """A client of the registry's replicas, to be made in the process that uses it, after any fork; thread-safe.

    A replica that does not answer is left for the next one; rounds over all of them are repeated, with jittered waits,
    until ``timeout``. Schemas by id and ids by subject and schema never change, so they are cached. Every method
    raises :class:`RegistryUnavailableError` when no replica answers in time.

    Args:
        targets: ``host:port`` of the gRPC API of one or more replicas.
        timeout: seconds a call may take in all, over every retry and replica.

    Raises:
        ConfigError: ``targets`` is empty.
    """

    def __init__(self, targets: Sequence[str], *, timeout: float = 5.0) -> None:
        if not targets:
            problem = "is empty. Name at least one registry replica as host:port."
            raise ConfigError([ConfigProblem("registry_urls", problem)])
        self._timeout = timeout
        self._channels = [sync_channel(target, deadline=timeout, retries=False) for target in targets]
        self._stubs = [registry_pb2_grpc.RegistryServiceStub(channel) for channel in self._channels]
        # Many tasks start at once: they shall not all begin at the same replica.
        self._preferred = random.randrange(len(targets))  # noqa: S311
        self._targets = tuple(targets)
        self._closed = threading.Event()
        self._schemas: BoundedCache[int, Schema] = BoundedCache(_CACHED_SCHEMAS)
        self._ids: BoundedCache[tuple[str, Schema], int] = BoundedCache(_CACHED_SCHEMAS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; calls under way fail. Idempotent."""
        self._closed.set()
        for channel in self._channels:
            channel.close()

    def register(self, subject: str, schema: Schema) -> int:
        """Register a schema and get its id; one that is registered already keeps its id.

        Raises:
            IncompatibleSchemaError: the subject's compatibility level forbids it; ``reasons`` tells why.
            InvalidSchemaError: it is no schema.
        """
        known = self._ids.get((subject, schema))
        if known is not None:
            return known
        request = pb.RegisterSchemaRequest(subject=subject, schema=_encode(schema))
        schema_id = self._call(subject, lambda stub, left: stub.RegisterSchema(request, timeout=left)).id
        self._ids.put((subject, schema), schema_id)
        return schema_id

    def lookup(self, subject: str, schema: Schema, *, include_deleted: bool = False) -> RegisteredSchema:
        """Find a schema under a subject without registering it; also a softly deleted version of it if wished.

        Raises:
            SchemaNotFoundError: it is not registered there.
            InvalidSchemaError: it is no schema.
        """
        request = pb.LookupSchemaRequest(subject=subject, schema=_encode(schema), include_deleted=include_deleted)
        found = self._call(subject, lambda stub, left: stub.LookupSchema(request, timeout=left)).version
        if not include_deleted:
            self._ids.put((subject, schema), found.id)
        return _decode_version(found)

    def get_by_id(self, schema_id: int) -> Schema:
        """The schema of an id, such as a message carries.

        Raises:
            SchemaNotFoundError: no replica knows the id.
        """
        known = self._schemas.get(schema_id)
        if known is not None:
            return known
        request = pb.GetSchemaByIdRequest(id=schema_id)
        schema = _decode(self._call("", lambda stub, left: stub.GetSchemaById(request, timeout=left)).schema)
        self._schemas.put(schema_id, schema)
        return schema

    def latest(self, subject: str) -> RegisteredSchema:
        """The latest version of a subject; asked of the registry each time.

        Raises:
            SchemaNotFoundError: there is no such subject.
        """
        return self.version(subject, _LATEST)

    def version(self, subject: str, version: int) -> RegisteredSchema:
        """One version of a subject.

        Raises:
            SchemaNotFoundError: there is no such subject or version.
        """
        request = pb.GetVersionRequest(subject=subject, version=version)
        return _decode_version(self._call(subject, lambda stub, left: stub.GetVersion(request, timeout=left)).version)

    def check(self, subject: str, schema: Schema) -> list[str]:
        """Why a schema could not be registered now, a sentence for each reason; empty if it could.

        Raises:
            InvalidSchemaError: it is no schema.
        """
        request = pb.CheckCompatibilityRequest(subject=subject, schema=_encode(schema))
        return list(self._call(subject, lambda stub, left: stub.CheckCompatibility(request, timeout=left)).messages)

    def _call(self, subject: str, send: Callable[[registry_pb2_grpc.RegistryServiceStub, float], T]) -> T:
        deadline = time.monotonic() + self._timeout
        waits = Backoff(_FIRST_WAIT, _LONGEST_WAIT)
        while True:
            last: grpc.RpcError | None = None
            for _ in self._stubs:
                preferred = self._preferred
                left = deadline - time.monotonic()
                # A replica that hangs may not use up the time of those that do not.
                share = max(_LEAST_ATTEMPT, self._timeout / len(self._stubs))
                try:
                    return send(self._stubs[preferred], max(0.001, min(left, share)))
                except ValueError:
                    # grpc says so of a closed channel.
                    raise RegistryUnavailableError("the registry client is closed.") from None
                except grpc.RpcError as error:
                    if not is_worth_another_replica(error):
                        raise to_error(error, subject) from None
                    last = error
                    self._preferred = (preferred + 1) % len(self._stubs)
                if time.monotonic() >= deadline:
                    break
            pause = waits.next()
            if time.monotonic() + pause >= deadline or self._closed.wait(pause):
                assert last is not None
                raise self._unavailable(last) from None

    def _unavailable(self, last: grpc.RpcError) -> RegistryUnavailableError:
        text = last.details() if isinstance(last, grpc.Call) else str(last)
        return RegistryUnavailableError(
            f"no registry replica ({', '.join(self._targets)}) answered within {self._timeout} s: {text}.",
            remedy="Check that the registry and etcd run and that registry_urls names the replicas' gRPC addresses.",
        )


def _encode(schema: Schema) -> pb.Schema:
    references = [
        pb.Reference(name=each.name, subject=each.subject, version=each.version) for each in schema.references
    ]
    return pb.Schema(type=_NUMBERS[schema.type], schema=schema.text, references=references)


def _decode(schema: pb.Schema) -> Schema:
    name: Literal["AVRO", "JSON", "PROTOBUF"] = cast(
        SchemaType, pb.SchemaType.Name(schema.type).removeprefix("SCHEMA_TYPE_")
    )
    references = tuple(SchemaReference(each.name, each.subject, each.version) for each in schema.references)
    return Schema(name, schema.schema, references)


def _decode_version(found: pb.SubjectVersion) -> RegisteredSchema:
    return RegisteredSchema(found.subject, found.version, found.id, _decode(found.schema))
