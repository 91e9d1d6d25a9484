"""What ``tidegate dlq`` prints of groups and single letters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tidegate.dlq.difference import Difference, Kind
from tidegate.dlq.inspection import Inspection
from tidegate.dlq.letter import DeadLetter
from tidegate.dlq.reason_group import ReasonGroup, reason_key

_EXPLAINED = {
    "topic": "came from, or was meant for",
    "partition": "its partition there",
    "offset": "its offset there",
    "connector.name": "halted by",
    "task.id": "its task",
    "stage": "in the stage",
    "class.name": "the connector's class",
    "exception.class.name": "error",
    "rule": "rule it broke",
    "path": "field",
}


def shown_group(group: ReasonGroup) -> dict[str, Any]:
    """A group as JSON."""
    key = group.key
    return {
        "group": key.name,
        "count": group.count,
        "rule": key.rule,
        "path": group.first.path,
        "reason": group.first.sentence,
        "topic": key.topic,
        "schema_id": key.schema_id,
        "stage": key.stage,
        "connector": key.connector,
        "first": _place(group.first),
        "last": _place(group.last),
        "replayed_before": group.replayed,
    }


def shown_inspection(opened: Inspection) -> dict[str, Any]:
    """A letter as JSON."""
    letter = opened.letter
    return {
        "group": reason_key(letter).name,
        **_place(letter),
        "headers": letter.context,
        "replays": letter.replays,
        "own_headers": [
            [name, None if value is None else value.decode(errors="replace")] for name, value in letter.own
        ],
        "key": None if letter.key is None else letter.key.decode(errors="backslashreplace"),
        "schema_id": letter.schema_id,
        "subject": opened.subject,
        "record": opened.values,
        "fault": opened.fault,
        "unread": opened.unread,
        "fields": opened.found,
        "expected_fields": opened.expected,
        "expected_version": opened.expected_version,
        "differences": [
            {"kind": each.kind.value, "path": each.path, "expected": each.expected, "found": each.found}
            for each in opened.differences
        ],
    }


def print_inspection(opened: Inspection) -> None:
    """A letter as a panel: the reason, the headers in words, the record beside the expected schema."""
    letter = opened.letter
    parts: list[Any] = [Text(letter.sentence or "the queue does not tell the reason", style="yellow")]
    parts.append(_headers(letter))
    if opened.values is not None or opened.expected:
        parts.append(_fields(opened))
    if opened.fault:
        parts.append(Text(f"not decoded: {opened.fault}", style="red"))
    if opened.unread:
        parts.append(Text(f"bytes: {opened.unread}"))
    parts += [Text(f"≠ {each}", style="bold") for each in opened.differences]
    title = f"{letter.queue} {letter.partition}:{letter.offset}, group {reason_key(letter).name}"
    Console().print(Panel(Group(*parts), title=Text(title), title_align="left"))


def _headers(letter: DeadLetter) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, words in _EXPLAINED.items():
        if letter.context.get(name):
            table.add_row(Text(words, style="dim"), Text(letter.context[name]))
    if letter.replays:
        table.add_row(Text("replayed before", style="dim"), Text(f"{letter.replays} times"))
    if letter.key is not None:
        table.add_row(Text("key", style="dim"), Text(letter.key.decode(errors="backslashreplace")))
    return table


def _fields(opened: Inspection) -> Table:
    expected = "expected"
    if opened.expected_version is not None:
        expected = f"expected: {opened.subject} version {opened.expected_version}"
    table = Table("", "field", "record", "type", expected, header_style="bold")
    marks = {path: each for each in opened.differences for path in _paths(each)}
    values = _flat(opened.values or {})
    for name in dict.fromkeys([*values, *opened.found, *opened.expected]):
        mark = marks.get(name)
        style = "bold red" if mark else ""
        value = Text(str(values[name]) if name in values else "")
        table.add_row(
            Text(_sign(mark, name), style=style),
            Text(name, style=style),
            value,
            Text(opened.found.get(name, "")),
            Text(opened.expected.get(name, "")),
        )
    return table


def _paths(each: Difference) -> list[str]:
    if each.kind is Kind.RENAMED:
        parent = each.path.rpartition(".")[0]
        return [each.path, f"{parent}.{each.found}" if parent else each.found]
    return [each.path]


def _sign(mark: Difference | None, name: str) -> str:
    if mark is None:
        return ""
    if mark.kind is Kind.RENAMED:
        return "-" if name == mark.path else "+"
    return {Kind.MISSING: "-", Kind.UNEXPECTED: "+", Kind.TYPE: "~"}[mark.kind]


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _place(letter: DeadLetter) -> dict[str, Any]:
    stamp = letter.timestamp
    return {
        "position": f"{letter.partition}:{letter.offset}",
        "timestamp": stamp,
        "time": None if stamp is None else datetime.fromtimestamp(stamp / 1000, UTC).isoformat(),
    }
