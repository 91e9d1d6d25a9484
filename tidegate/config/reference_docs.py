"""Reference of the services' settings, generated from them: ``python -m tidegate.config.reference_docs FILE``.

Replaces what stands between the two markers in the file.
"""

from __future__ import annotations

import argparse
import typing
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tidegate.config.settings import (
    ENV_PREFIX,
    NESTING,
    CoordinatorSettings,
    RegistrySettings,
    ServiceSettings,
    WorkerSettings,
)

BEGIN = "<!-- generated from tidegate/config/settings.py: make docs -->"
END = "<!-- end of the generated part -->"

_SERVICES: tuple[tuple[str, type[ServiceSettings]], ...] = (
    ("coordinator", CoordinatorSettings),
    ("worker", WorkerSettings),
    ("registry", RegistrySettings),
)


def reference() -> str:
    """The settings of every service as Markdown: first what all have, then each one's own."""
    parts = ["### Every service", _table(ServiceSettings, skip=())]
    for name, kind in _SERVICES:
        parts += [f"### {name}", _table(kind, skip=_shared(kind))]
    return "\n\n".join(parts)


def with_reference(page: str) -> str:
    """The page with its generated part made anew.

    Raises:
        ValueError: a marker is missing.
    """
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page lacks the markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{reference()}\n\n{END}{after}"


def _shared(kind: type[ServiceSettings]) -> tuple[str, ...]:
    same = ServiceSettings.model_fields
    return tuple(name for name, field in same.items() if repr(kind.model_fields[name]) == repr(field))


def _table(kind: type[BaseModel], skip: tuple[str, ...]) -> str:
    rows = ["| setting | variable | default | what it does |", "| --- | --- | --- | --- |"]
    for path, field in _fields(kind):
        if path[0] not in skip:
            variable = f"`{ENV_PREFIX}{NESTING.join(path).upper()}`"
            rows.append(f"| `{'.'.join(path)}` | {variable} | {_default(field)} | {field.description} |")
    return "\n".join(rows)


def _fields(kind: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, (*prefix, name))
        else:
            yield (*prefix, name), field


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "machine's name and a random part"
    if field.default is None or field.default == "":
        return ""
    value = typing.cast(object, field.default)
    return f"`{','.join(map(str, value)) if isinstance(value, list) else value}`"


def main() -> None:
    """Rewrite the generated part of a page."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("file", type=Path)
    file: Path = parser.parse_args().file
    file.write_text(with_reference(file.read_text()))


if __name__ == "__main__":
    main()
