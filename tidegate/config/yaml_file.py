"""YAML files that hold a mapping: settings, connector configurations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tidegate.errors import ConfigError, ConfigProblem


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML (or JSON) file; empty for an empty file.

    Raises:
        ConfigError: the file can not be read, is not YAML, or holds something other than a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(path, f"can not be read: {error.strerror}. Check the path and its permissions.") from None
    except UnicodeDecodeError:
        raise _unusable(path, "is not UTF-8 text.") from None
    except yaml.YAMLError as error:
        raise _unusable(path, f"is not YAML: {_where(error)}. Correct it there.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise _unusable(path, f"holds a {type(content).__name__}, not key: value pairs.")
    return {str(key): value for key, value in content.items()}


def _unusable(path: Path, problem: str) -> ConfigError:
    return ConfigError([ConfigProblem(str(path), problem)])


def _where(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"{error.problem or error.context} at line {mark.line + 1}, column {mark.column + 1}"
    return " ".join(str(error).split())
