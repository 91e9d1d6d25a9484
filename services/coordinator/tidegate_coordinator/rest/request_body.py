"""What came with a request: JSON or YAML, of bounded size."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import yaml
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tidegate.errors import ConfigError, ConfigProblem

MAX_BODY_BYTES: Final = 1024 * 1024
_READ_TIMEOUT: Final = 30.0

_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_NUMBERS = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


async def read_document(request: Request, *, numbers_as_text: bool) -> Any:
    """The body, parsed as YAML when its content type says so, else as JSON; None when it is empty.

    Args:
        request: whose body.
        numbers_as_text: give numbers as they were written, so that ``1.10`` and 20-digit numbers stay what they are.

    Raises:
        ConfigError: it is malformed; with line and column.
        HTTPException: 413, it is too large; 408, it does not come.
    """
    body = await _read(request)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _malformed(f"is not UTF-8 text: byte {error.start} is wrong") from None
    if not text.strip():
        return None
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type.endswith(("/yaml", "/x-yaml", "+yaml")):
        return _parse_yaml(text, numbers_as_text)
    return _parse_json(text, numbers_as_text)


async def _read(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_READ_TIMEOUT):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES} bytes. Send less.")
                chunks.append(chunk)
    except TimeoutError:
        raise HTTPException(408, f"The body did not arrive within {_READ_TIMEOUT:g} s. Send it again.") from None
    return b"".join(chunks)


def _parse_json(text: str, numbers_as_text: bool) -> Any:
    number: dict[str, Any] = {"parse_float": str, "parse_int": str} if numbers_as_text else {}
    try:
        return json.loads(text, parse_constant=_refuse_constant, **number)
    except json.JSONDecodeError as error:
        problem = f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError as error:
        problem = f"is not JSON: {error}"
    raise _malformed(problem)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def _parse_yaml(text: str, numbers_as_text: bool) -> Any:
    try:
        # A loader derived from the safe one, with fewer types.
        return yaml.load(text, _TextLoader if numbers_as_text else _NumberLoader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = f"is not YAML: {error.problem or error.context}{where}"
    except yaml.YAMLError as error:
        problem = f"is not YAML: {' '.join(str(error).split())}"
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError as error:
        problem = f"is not YAML: {error}"
    raise _malformed(problem)


class _TextLoader(yaml.SafeLoader):
    """Scalars are text as written, but for null."""


class _NumberLoader(yaml.SafeLoader):
    """JSON's types only: no dates."""


def _keep_types(loader: type[yaml.SafeLoader], *tags: str) -> None:
    loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in tags]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_keep_types(_TextLoader, _NULL, _MERGE)
_keep_types(_NumberLoader, _NULL, _MERGE, *_NUMBERS)


def _malformed(problem: str) -> ConfigError:
    return ConfigError([ConfigProblem("body", f"{problem}. Correct it there.")])
