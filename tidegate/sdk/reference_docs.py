"""Reference docs of connectors, generated from their ConfigDef: ``python -m tidegate.sdk.reference_docs DIRECTORY``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from tidegate.sdk.config_def import ConfigDef, ConfigKey
from tidegate.sdk.plugins import Plugin, Plugins

_COMMON = (
    "Beside these every connector has the framework's keys, among them `name`, `connector.class`, `tasks.max`, "
    "`key.converter`, `value.converter` and `errors.*`, with the meaning they have in Kafka Connect."
)


def page(plugin: Plugin) -> str:
    """One connector's page, in Markdown."""
    guarantees = str(getattr(plugin.connector, "guarantees", "")).strip()
    example = str(getattr(plugin.connector, "example", "")).strip()
    parts = [
        f"# {plugin.name}",
        plugin.doc,
        f"`connector.class`: `{plugin.name}`" + "".join(f" or `{alias}`" for alias in plugin.aliases) + ".",
        *(["## Guarantees", guarantees] if guarantees else []),
        *(["## Example", example] if example else []),
        "## Configuration",
        _COMMON,
        *configuration(plugin.connector.config_def),
    ]
    return "\n\n".join(parts) + "\n"


def configuration(config_def: ConfigDef) -> Iterable[str]:
    """The keys of a ConfigDef, as Markdown blocks: required ones first within each group."""
    keys = list(config_def.keys.values())
    order = {group: index for index, group in reversed(list(enumerate(key.group for key in keys)))}
    keys.sort(key=lambda key: (order[key.group], not key.required))
    for group, members in groupby(keys, key=lambda key: key.group):
        if group:
            yield f"### {group}"
        for key in members:
            yield _key(key)


def index(plugins: Iterable[Plugin]) -> str:
    """The list of connectors, in Markdown."""
    rows = [f"| [{plugin.name}]({plugin.name}.md) | {plugin.type} | {plugin.doc} |" for plugin in plugins]
    return "\n".join(["# Connectors", "", "| connector | type | what it does |", "| --- | --- | --- |", *rows]) + "\n"


def pages(plugins: Plugins) -> Mapping[str, str]:
    """File names and contents of all pages."""
    return {"README.md": index(plugins.all())} | {f"{plugin.name}.md": page(plugin) for plugin in plugins.all()}


def write(directory: Path, plugins: Plugins) -> None:
    """Writes the pages to a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in pages(plugins).items():
        (directory / name).write_text(text, encoding="utf-8")


def _key(key: ConfigKey) -> str:
    default = key.default_text()
    facts = [key.type.value.lower()]
    if key.required:
        facts.append("required")
    else:
        facts.append(f"default `{default}`" if default else "no default")
    facts.append(f"importance {key.importance.value.lower()}")
    values = f" One of {', '.join(f'`{value}`' for value in key.recommended)}." if key.recommended else ""
    return f"**`{key.name}`** ({', '.join(facts)})\\\n{key.doc}{values}"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="where the pages go")
    write(parser.parse_args().directory, Plugins.installed())


if __name__ == "__main__":
    main()
