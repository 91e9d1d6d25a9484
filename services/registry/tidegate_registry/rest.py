"""The registry over REST, as Confluent's clients speak it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tidegate.etcd import EtcdUnavailableError
from tidegate.etcd.errors import EtcdError
from tidegate.telemetry.logging import get_logger
from tidegate_registry.errors import ErrorCode, RegistryError, invalid_level, invalid_version
from tidegate_registry.keys import GLOBAL
from tidegate_registry.reader import MAX_TEXT_BYTES
from tidegate_registry.registry import LATEST, Registry, SubjectVersion
from tidegate_registry.schemas.content import Reference, SchemaContent
from tidegate_registry.schemas.level import CompatibilityLevel
from tidegate_registry.schemas.schema_type import SchemaType
from tidegate_registry.stored import StoredSchema

log = get_logger(__name__)

MEDIA_TYPE: Final = "application/vnd.schemaregistry.v1+json"
DEFAULT_CONTEXT: Final = ":.:"

# Every character of a schema may be escaped in JSON.
_MAX_BODY_BYTES: Final = 6 * MAX_TEXT_BYTES + 100_000
_BAD_REQUEST: Final = 400
_UNPROCESSABLE: Final = 422


def build_app(registry: Registry, extra_routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The ASGI application.

    Args:
        registry: does the work.
        extra_routes: served beside it, such as metrics.
    """
    rest = _Rest(registry)
    routes = [
        Route("/", rest.root),
        Route("/schemas/types", rest.types),
        Route("/schemas", rest.schemas),
        Route("/schemas/ids/{id}", rest.schema_by_id),
        Route("/schemas/ids/{id}/schema", rest.schema_text_by_id),
        Route("/schemas/ids/{id}/subjects", rest.subjects_of_id),
        Route("/schemas/ids/{id}/versions", rest.versions_of_id),
        Route("/subjects", rest.subjects),
        Route("/subjects/{subject}", rest.lookup, methods=["POST"]),
        Route("/subjects/{subject}", rest.delete_subject, methods=["DELETE"]),
        Route("/subjects/{subject}/versions", rest.versions, methods=["GET"]),
        Route("/subjects/{subject}/versions", rest.register, methods=["POST"]),
        Route("/subjects/{subject}/versions/{version}", rest.version, methods=["GET"]),
        Route("/subjects/{subject}/versions/{version}", rest.delete_version, methods=["DELETE"]),
        Route("/subjects/{subject}/versions/{version}/schema", rest.version_text),
        Route("/subjects/{subject}/versions/{version}/referencedby", rest.referenced_by),
        Route("/compatibility/subjects/{subject}/versions", rest.check, methods=["POST"]),
        Route("/compatibility/subjects/{subject}/versions/{version}", rest.check, methods=["POST"]),
        Route("/config", rest.level, methods=["GET"]),
        Route("/config", rest.set_level, methods=["PUT"]),
        Route("/config", rest.delete_level, methods=["DELETE"]),
        Route("/config/{subject}", rest.level, methods=["GET"]),
        Route("/config/{subject}", rest.set_level, methods=["PUT"]),
        Route("/config/{subject}", rest.delete_level, methods=["DELETE"]),
        Route("/mode", rest.mode),
        Route("/mode/{subject}", rest.mode),
        *extra_routes,
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(_EncodedPath)],
        exception_handlers={
            RegistryError: _answer_refusal,
            EtcdError: _answer_unavailable,
            HTTPException: _answer_http_error,
            Exception: _answer_defect,
        },
    )


class _EncodedPath:
    """Routes by the path as it was sent: a subject may hold an encoded slash, and a path may end in one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["raw_path"].decode("latin-1").split("?")[0]
            scope = {**scope, "path": "/" + "/".join(part for part in path.split("/") if part)}
        await self._app(scope, receive, send)


class _Rest:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def root(self, request: Request) -> Response:
        return _json({})

    async def types(self, request: Request) -> Response:
        return _json([SchemaType.JSON, SchemaType.PROTOBUF, SchemaType.AVRO])

    async def schemas(self, request: Request) -> Response:
        deleted, latest_only = _flag(request, "deleted"), _flag(request, "latestOnly")
        shown: list[dict[str, Any]] = []
        for subject in self._registry.subjects(_prefix(request), deleted=deleted):
            versions = await self._registry.versions(subject, deleted=deleted)
            chosen = versions[-1:] if latest_only else versions
            shown += [_version_body(await self._registry.version(subject, each, deleted=deleted)) for each in chosen]
        return _json(_paged(request, shown))

    async def schema_by_id(self, request: Request) -> Response:
        schema = await self._registry.schema_by_id(_id(request))
        body = _schema_body(schema)
        if request.query_params.get("format") == "serialized":
            body["schema"] = await self._registry.serialized(schema)
        return _json(body)

    async def schema_text_by_id(self, request: Request) -> Response:
        return _text((await self._registry.schema_by_id(_id(request))).content.text)

    async def subjects_of_id(self, request: Request) -> Response:
        uses = await self._registry.uses(_id(request), deleted=_flag(request, "deleted"))
        return _json(_paged(request, sorted({subject for subject, _ in uses})))

    async def versions_of_id(self, request: Request) -> Response:
        uses = await self._registry.uses(_id(request), deleted=_flag(request, "deleted"))
        return _json(_paged(request, [{"subject": subject, "version": version} for subject, version in uses]))

    async def subjects(self, request: Request) -> Response:
        shown = self._registry.subjects(
            _prefix(request),
            deleted=_flag(request, "deleted"),
            deleted_only=_flag(request, "deletedOnly") or _flag(request, "deleted_only"),
        )
        return _json(_paged(request, shown))

    async def register(self, request: Request) -> Response:
        content = await _content(request)
        version = await self._registry.register(_subject(request), content, normalize=_flag(request, "normalize"))
        return _json({"id": version.id})

    async def lookup(self, request: Request) -> Response:
        found = await self._registry.lookup(
            _subject(request),
            await _content(request),
            normalize=_flag(request, "normalize"),
            deleted=_flag(request, "deleted"),
        )
        return await self._version_answer(request, found)

    async def versions(self, request: Request) -> Response:
        shown = await self._registry.versions(
            _subject(request),
            deleted=_flag(request, "deleted"),
            deleted_only=_flag(request, "deletedOnly") or _flag(request, "deleted_only"),
        )
        return _json(_paged(request, shown))

    async def version(self, request: Request) -> Response:
        found = await self._registry.version(_subject(request), _version(request), deleted=_flag(request, "deleted"))
        return await self._version_answer(request, found)

    async def version_text(self, request: Request) -> Response:
        found = await self._registry.version(_subject(request), _version(request), deleted=_flag(request, "deleted"))
        return _text(found.schema.content.text)

    async def referenced_by(self, request: Request) -> Response:
        return _json(_paged(request, await self._registry.importers(_subject(request), _version(request))))

    async def delete_subject(self, request: Request) -> Response:
        permanent = _flag(request, "permanent")
        return _json(await self._registry.delete_subject(_subject(request), permanent=permanent))

    async def delete_version(self, request: Request) -> Response:
        permanent = _flag(request, "permanent")
        return _json(await self._registry.delete_version(_subject(request), _version(request), permanent=permanent))

    async def check(self, request: Request) -> Response:
        version = _version(request) if "version" in request.path_params else None
        content = await _content(request)
        reasons = await self._registry.check(_subject(request), content, version, normalize=_flag(request, "normalize"))
        body: dict[str, Any] = {"is_compatible": not reasons}
        if _flag(request, "verbose"):
            body["messages"] = reasons
        return _json(body)

    async def level(self, request: Request) -> Response:
        default = _flag(request, "defaultToGlobal")
        return _json({"compatibilityLevel": await self._registry.level(_scope(request), default_to_global=default)})

    async def set_level(self, request: Request) -> Response:
        body = await _body(request)
        given = body.get("compatibility")
        try:
            level = CompatibilityLevel(str(given).upper())
        except ValueError:
            raise invalid_level(given) from None
        await self._registry.set_level(_scope(request), level)
        return _json({"compatibility": level})

    async def delete_level(self, request: Request) -> Response:
        return _json({"compatibilityLevel": await self._registry.delete_level(_scope(request))})

    async def mode(self, request: Request) -> Response:
        return _json({"mode": "READWRITE"})

    async def _version_answer(self, request: Request, found: SubjectVersion) -> Response:
        body = _version_body(found)
        if request.query_params.get("format") == "serialized":
            body["schema"] = await self._registry.serialized(found.schema)
        return _json(body)


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type=MEDIA_TYPE)


def _text(text: str) -> Response:
    return Response(text.encode("utf-8", "replace"), media_type=MEDIA_TYPE)


def _schema_body(schema: StoredSchema) -> dict[str, Any]:
    content = schema.content
    body: dict[str, Any] = {"schema": content.text}
    if content.type is not SchemaType.AVRO:
        body["schemaType"] = content.type
    if content.references:
        body["references"] = [
            {"name": each.name, "subject": each.subject, "version": each.version} for each in content.references
        ]
    return body


def _version_body(found: SubjectVersion) -> dict[str, Any]:
    return {
        "subject": found.subject,
        "version": found.version,
        "id": found.schema.id,
        **_schema_body(found.schema),
    }


def _subject(request: Request) -> str:
    return unquote(request.path_params["subject"]).removeprefix(DEFAULT_CONTEXT)


def _scope(request: Request) -> str:
    return _subject(request) if "subject" in request.path_params else GLOBAL


def _prefix(request: Request) -> str:
    return request.query_params.get("subjectPrefix", "").removeprefix(DEFAULT_CONTEXT).replace(":*:", "")


def _id(request: Request) -> int:
    text = request.path_params["id"]
    try:
        return int(text)
    except ValueError:
        raise HTTPException(404, "HTTP 404 Not Found") from None


def _version(request: Request) -> int:
    text = unquote(request.path_params["version"])
    if text == "latest":
        return LATEST
    try:
        return int(text)
    except ValueError:
        raise invalid_version(text) from None


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() == "true"


def _paged(request: Request, items: Sequence[object]) -> Sequence[object]:
    offset, limit = _number(request, "offset", 0), _number(request, "limit", -1)
    return items[max(offset, 0) :][: limit if limit > 0 else None]


def _number(request: Request, name: str, default: int) -> int:
    try:
        return int(request.query_params.get(name, default))
    except ValueError:
        return default


async def _body(request: Request) -> dict[str, Any]:
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > _MAX_BODY_BYTES:
            raise HTTPException(413, f"the body is longer than {_MAX_BODY_BYTES} bytes")
    try:
        body = orjson.loads(bytes(read) or b"null")
    except orjson.JSONDecodeError as error:
        raise HTTPException(_BAD_REQUEST, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise HTTPException(_UNPROCESSABLE, "the body must be a JSON object")
    return body


async def _content(request: Request) -> SchemaContent:
    body = await _body(request)
    text, kind, references = body.get("schema"), body.get("schemaType") or "AVRO", body.get("references") or []
    if not isinstance(text, str):
        raise RegistryError(ErrorCode.INVALID_SCHEMA, 'Empty schema: the body must have a string "schema".')
    try:
        schema_type = SchemaType(str(kind).upper())
    except ValueError:
        raise RegistryError(
            ErrorCode.INVALID_SCHEMA, f"Invalid schema type {kind}: not AVRO, JSON or PROTOBUF"
        ) from None
    try:
        found = tuple(Reference(str(each["name"]), str(each["subject"]), int(each["version"])) for each in references)
    except (KeyError, TypeError, ValueError):
        problem = 'Invalid schema: each of "references" must be an object with name, subject and version.'
        raise RegistryError(ErrorCode.INVALID_SCHEMA, problem) from None
    return SchemaContent(schema_type, text, found)


def _error(code: int, message: str, status: int) -> Response:
    return _json({"error_code": code, "message": message}, status)


async def _answer_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RegistryError)
    return _error(error.code, error.message, error.code.http_status)


async def _answer_unavailable(request: Request, error: Exception) -> Response:
    code = ErrorCode.STORE_TIMEOUT if isinstance(error, EtcdUnavailableError) else ErrorCode.STORE_UNAVAILABLE
    return _error(code, f"The request could not be served now: {error}", code.http_status)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, error.detail, error.status_code)


async def _answer_defect(request: Request, error: Exception) -> Response:
    log.error("rest_request_failed", path=request.url.path, exc_info=error)
    return _error(ErrorCode.STORE_UNAVAILABLE, "internal error; the service's log has its traceback", 500)
