"""Command-line flags of a service, made from its settings so that they never differ."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from tidegate.cli.key_values import key_values
from tidegate.config.settings import ENV_PREFIX, NESTING, ServiceSettings

_SEPARATOR = "__"


def with_settings_flags(kind: type[ServiceSettings], command: Callable[..., None]) -> Callable[..., None]:
    """A typer command that takes every setting of ``kind`` as a flag, beside the parameters of its own.

    Secrets have no flag: a command line is visible to every user of the machine.

    Args:
        kind: whose settings.
        command: called with its own parameters and ``flags``, the settings given, nested ones as dicts.
    """
    own = [
        parameter for name, parameter in inspect.signature(command, eval_str=True).parameters.items() if name != "flags"
    ]
    made = list(_parameters(kind))

    def run(**given: Any) -> None:
        flags = _nested({parameter.name: given.pop(parameter.name) for parameter in made})
        command(**given, flags=flags)

    run.__signature__ = inspect.Signature([*own, *made])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *made]}
    run.__doc__ = command.__doc__
    return run


def _parameters(kind: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[inspect.Parameter]:
    for name, field in kind.model_fields.items():
        path = (*prefix, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _parameters(field.annotation, path)
        elif not _is_secret(field.annotation):
            option = typer.Option(_flag(path), help=_help(path, field), show_default=False)
            yield inspect.Parameter(
                _SEPARATOR.join(path),
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[_flag_type(field.annotation), option],
            )


def _flag(path: tuple[str, ...]) -> str:
    return "--" + "-".join(path).replace("_", "-")


def _help(path: tuple[str, ...], field: FieldInfo) -> str:
    return f"{field.description}{_default(field)} [{ENV_PREFIX}{NESTING.join(path).upper()}]"


def _default(field: FieldInfo) -> str:
    if field.is_required() or field.default_factory or field.default in (None, ""):
        return ""
    return f" Default: {','.join(field.default) if isinstance(field.default, list) else field.default}."


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or SecretStr in typing.get_args(annotation)


def _flag_type(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        annotation = next(each for each in typing.get_args(annotation) if each is not type(None))
    if typing.get_origin(annotation) is dict:
        return list[str] | None
    return (annotation if annotation in (int, float) else str) | None


def _nested(given: Mapping[str, Any]) -> dict[str, Any]:
    flags: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or value == []:
            continue
        *owners, last = name.split(_SEPARATOR)
        place = flags
        for owner in owners:
            place = place.setdefault(owner, {})
        place[last] = key_values(_flag((*owners, last)), value) if isinstance(value, list) else value
    return flags
