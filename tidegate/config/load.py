"""Reading settings: flags before the environment before a YAML file; what is wrong, with the key and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import SettingsError

from tidegate.config.settings import ENV_PREFIX, FILE_CONTENT, NESTING, ServiceSettings
from tidegate.config.yaml_file import read_yaml_mapping
from tidegate.errors import ConfigError, ConfigProblem

S = TypeVar("S", bound=ServiceSettings)


def load_settings(kind: type[S], flags: Mapping[str, Any] | None = None, file: Path | None = None) -> S:
    """The settings of a service.

    Args:
        kind: whose settings.
        flags: values given on the command line, by setting name; nested ones as dicts. They win.
        file: a YAML file of settings. Environment variables (``TIDEGATE_SLOTS``, ``TIDEGATE_ETCD__ENDPOINTS``) win
            over it.

    Raises:
        ConfigError: every problem found, each with its key.
    """
    token = FILE_CONTENT.set(read_yaml_mapping(file) if file else None)
    try:
        return kind(**(flags or {}))
    except ValidationError as error:
        raise ConfigError([_problem(kind, each) for each in error.errors(include_url=False)]) from None
    except SettingsError as error:
        raise ConfigError([ConfigProblem("environment", f"{error}. Correct the variable.")]) from None
    finally:
        FILE_CONTENT.reset(token)


def _problem(kind: type[BaseModel], error: Any) -> ConfigProblem:
    path = [str(part) for part in error["loc"]]
    key = ".".join(path) or kind.__name__
    match error["type"]:
        case "extra_forbidden":
            return ConfigProblem(key, f"is not a setting.{_suggestion(kind, path)}")
        case "missing":
            variable = ENV_PREFIX + NESTING.join(path).upper()
            flag = "--" + "-".join(path).replace("_", "-")
            return ConfigProblem(key, f"is missing. Give it in the settings file, as {flag} or as {variable}.")
        case "value_error":
            return ConfigProblem(key, str(error["ctx"]["error"]))
        case _:
            return ConfigProblem(key, f"{error['msg']}.{_documentation(kind, path)}")


def _fields(kind: type[BaseModel], path: list[str]) -> type[BaseModel] | None:
    for name in path:
        field = kind.model_fields.get(name)
        nested = field.annotation if field else None
        if not (isinstance(nested, type) and issubclass(nested, BaseModel)):
            return None
        kind = nested
    return kind


def _suggestion(kind: type[BaseModel], path: list[str]) -> str:
    owner = _fields(kind, path[:-1])
    known = list(owner.model_fields) if owner else []
    close = difflib.get_close_matches(path[-1], known, n=1)
    return f" Did you mean {close[0]}?" if close else f" Known are: {', '.join(known)}."


def _documentation(kind: type[BaseModel], path: list[str]) -> str:
    owner = _fields(kind, path[:-1])
    field = owner.model_fields.get(path[-1]) if owner and path else None
    return f" It is: {field.description}" if field and field.description else ""
