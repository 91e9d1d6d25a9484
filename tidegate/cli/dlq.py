"""``tidegate dlq``: look into dead letter queues, and send what waits there back exactly once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tidegate.cli.connector import DEFAULT_URL, UrlOption
from tidegate.cli.dlq_view import print_inspection, shown_group, shown_inspection
from tidegate.cli.key_values import key_values
from tidegate.cli.output import Format, OutputOption, print_json, print_table
from tidegate.cli.rest_client import RestClient
from tidegate.config.yaml_file import read_yaml_mapping
from tidegate.dlq.inspection import Inspector
from tidegate.dlq.letter import DeadLetter
from tidegate.dlq.queue import DeadLetterQueue
from tidegate.dlq.reason_group import ReasonGroups, reason_key
from tidegate.dlq.repair import Repair
from tidegate.dlq.replay import Outcome
from tidegate.dlq.replay import drop as drop_letters
from tidegate.dlq.replay import replay as replay_letters
from tidegate.dlq.selection import Selection, places_of
from tidegate.errors import ConfigError, ConfigProblem, NotFoundError
from tidegate.registry_client import RegistryClient
from tidegate.sdk.config_def import Config
from tidegate.transforms.chain import TransformChain
from tidegate.transforms.configuration import transform_chain

app = typer.Typer(help="See why records were halted, and replay or drop them.", no_args_is_help=True)

Connector = Annotated[str | None, typer.Argument(help="The connector whose queue it is; or give --topic.")]
TopicOption = Annotated[str | None, typer.Option("--topic", help="The dead letter queue's topic.")]
BrokersOption = Annotated[
    str,
    typer.Option("--bootstrap-servers", envvar="TIDEGATE_KAFKA__BOOTSTRAP_SERVERS", help="Kafka's brokers."),
]
KafkaOption = Annotated[
    list[str] | None, typer.Option("--kafka", help="Further librdkafka properties, as key=value; may be repeated.")
]
RegistryOption = Annotated[
    str,
    typer.Option("--registry", envvar="TIDEGATE_REGISTRY_URLS", help="gRPC addresses of the registry's replicas."),
]
GroupOption = Annotated[list[str] | None, typer.Option("--group", "-g", help="Only this group; may be repeated.")]
OffsetOption = Annotated[
    list[str] | None, typer.Option("--offset", help="Only these offsets of the queue: 12, 12-40, partition:12-40.")
]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="A key of the configuration, as key=value.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

DEFAULT_BROKERS = "127.0.0.1:9092"
DEFAULT_REGISTRY = "127.0.0.1:8091"


@dataclass(frozen=True)
class _Queue:
    """The queue a command is about.

    Args:
        topic: its topic.
        connector: whose letters; empty for all.
        config: the connector's configuration, secrets hidden; empty if none was named.
    """

    topic: str
    connector: str
    config: Mapping[str, str]


@app.command("list")
def list_letters(
    connector: Connector = None,
    topic: TopicOption = None,
    bootstrap_servers: BrokersOption = DEFAULT_BROKERS,
    kafka: KafkaOption = None,
    url: UrlOption = DEFAULT_URL,
    output: OutputOption = Format.TABLE,
) -> None:
    """List what waits, by reason: rule, field, schema, topic."""
    chosen = _queue(connector, topic, url)
    groups = ReasonGroups()
    selection = Selection(connector=chosen.connector)
    with DeadLetterQueue(_properties(bootstrap_servers, kafka), chosen.topic) as queue:
        for letter in queue.pending():
            if letter in selection:
                groups.add(letter)
    found = [shown_group(group) for group in groups.found.values()]
    if output is Format.JSON:
        print_json(found)
        return
    if not found:
        typer.echo(f"nothing waits in {chosen.topic}")
        return
    rows = [
        (
            each["group"],
            each["count"],
            each["rule"],
            each["path"],
            each["topic"],
            each["schema_id"],
            f"{each['first']['position']} … {each['last']['position']}",
            f"{_time(each['first']['timestamp'])} … {_time(each['last']['timestamp'])}",
            each["replayed_before"] or "",
        )
        for each in found
    ]
    headings = ("group", "records", "rule", "field", "topic", "schema", "offsets", "times", "replayed before")
    print_table(headings, rows, title=f"{chosen.topic}: {sum(each['count'] for each in found)} records wait")
    for each in found:
        Console().print(f"[bold]{each['group']}[/]  ", end="")
        Console().print(each["reason"], markup=False, highlight=False, soft_wrap=True)


@app.command()
def show(
    connector: Connector = None,
    topic: TopicOption = None,
    group: GroupOption = None,
    offset: OffsetOption = None,
    limit: Annotated[int, typer.Option(help="The most records of each group.", min=1)] = 1,
    set_: SetOption = None,
    bootstrap_servers: BrokersOption = DEFAULT_BROKERS,
    kafka: KafkaOption = None,
    registry: RegistryOption = DEFAULT_REGISTRY,
    url: UrlOption = DEFAULT_URL,
    output: OutputOption = Format.TABLE,
) -> None:
    """Show records: why they were halted, what they hold, what was expected, and the difference."""
    chosen = _queue(connector, topic, url)
    selection = _selection(chosen, group, offset)
    found: list[DeadLetter] = []
    counts: dict[Any, int] = {}
    with (
        DeadLetterQueue(_properties(bootstrap_servers, kafka), chosen.topic) as queue,
        RegistryClient(_targets(registry)) as client,
    ):
        for letter in queue.pending():
            if letter in selection:
                key = reason_key(letter)
                counts[key] = counts.get(key, 0) + 1
                if counts[key] <= limit:
                    found.append(letter)
        _refuse_nothing(found, chosen, selection)
        inspector = Inspector({**chosen.config, **key_values("--set", set_ or ())}, client)
        opened = [inspector.inspect(letter) for letter in found]
    if output is Format.JSON:
        print_json([shown_inspection(each) for each in opened])
        return
    for each in opened:
        print_inspection(each)


@app.command()
def replay(
    connector: Connector = None,
    topic: TopicOption = None,
    group: GroupOption = None,
    offset: OffsetOption = None,
    transform_file: Annotated[
        Path | None, typer.Option(help="YAML or JSON with transforms, predicates and their keys, as in a connector.")
    ] = None,
    set_: SetOption = None,
    to: Annotated[str | None, typer.Option(help="Send to this topic instead of the one each record came from.")] = None,
    version: Annotated[
        int | None, typer.Option(help="Version of the subject to write repaired records with.", min=1)
    ] = None,
    yes: YesOption = False,
    bootstrap_servers: BrokersOption = DEFAULT_BROKERS,
    kafka: KafkaOption = None,
    registry: RegistryOption = DEFAULT_REGISTRY,
    url: UrlOption = DEFAULT_URL,
    output: OutputOption = Format.TABLE,
) -> None:
    """Send what waits back to its topic, each record once: repaired by transforms, or as it is.

    It may be killed and started again at any time. Exits 1 when a record could not be repaired: it waits on.
    """
    chosen = _queue(connector, topic, url)
    selection = _selection(chosen, group, offset)
    properties = _properties(bootstrap_servers, kafka)
    chain = _chain(transform_file, set_)
    config = {**chosen.config, **key_values("--set", set_ or ())}
    with DeadLetterQueue(properties, chosen.topic) as queue, RegistryClient(_targets(registry)) as client:
        count = _count(queue, chosen, selection)
        how = "repaired" if chain else "as they are"
        _ask(f"Send {count} records of {chosen.topic} {how} to {to or 'the topics they came from'}?", yes)
        repair = Repair(config, chain, client, to=to, version=version)
        try:
            with _progress(f"replaying {chosen.topic}", count, shown=output is Format.TABLE) as progress:
                outcome = replay_letters(queue, selection, repair, properties, progress=progress)
        finally:
            repair.close()
    _report(outcome, output, f"{outcome.replayed} records replayed, {outcome.dropped} filtered out")


@app.command()
def drop(
    connector: Connector = None,
    topic: TopicOption = None,
    group: GroupOption = None,
    offset: OffsetOption = None,
    yes: YesOption = False,
    bootstrap_servers: BrokersOption = DEFAULT_BROKERS,
    kafka: KafkaOption = None,
    url: UrlOption = DEFAULT_URL,
    output: OutputOption = Format.TABLE,
) -> None:
    """Mark what waits as done without sending it; the records stay in the topic as long as Kafka keeps them."""
    chosen = _queue(connector, topic, url)
    selection = _selection(chosen, group, offset)
    properties = _properties(bootstrap_servers, kafka)
    with DeadLetterQueue(properties, chosen.topic) as queue:
        count = _count(queue, chosen, selection)
        _ask(f"Drop {count} records of {chosen.topic}?", yes)
        with _progress(f"dropping of {chosen.topic}", count, shown=output is Format.TABLE) as progress:
            outcome = drop_letters(queue, selection, properties, progress=progress)
    _report(outcome, output, f"{outcome.dropped} records dropped")


def _queue(connector: str | None, topic: str | None, url: str) -> _Queue:
    if connector is None and topic is None:
        raise ConfigError([ConfigProblem("CONNECTOR", "is missing. Name a connector, or its queue with --topic.")])
    config: dict[str, str] = {}
    if connector is not None:
        with RestClient(url) as client:
            config = client.call("GET", f"/connectors/{quote(connector, safe='')}")["config"]
    named = topic or config.get("errors.deadletterqueue.topic.name", "").strip()
    if not named:
        raise NotFoundError(
            f"Connector {connector} has no dead letter queue.",
            remedy="Set errors.tolerance=all and errors.deadletterqueue.topic.name, or name a queue with --topic.",
        )
    return _Queue(named, connector or "", config)


def _selection(chosen: _Queue, groups: Sequence[str] | None, offsets: Sequence[str] | None) -> Selection:
    return Selection(frozenset(groups or ()), frozenset(places_of(offsets or ())), chosen.connector)


def _count(queue: DeadLetterQueue, chosen: _Queue, selection: Selection) -> int:
    count = sum(letter in selection for letter in queue.pending())
    _refuse_nothing(range(count), chosen, selection)
    return count


def _refuse_nothing(found: Sequence[object], chosen: _Queue, selection: Selection) -> None:
    if found:
        return
    which = "of that kind " if selection.groups or selection.places else ""
    raise NotFoundError(
        f"No record {which}waits in {chosen.topic}.", remedy=f"See `tidegate dlq list --topic {chosen.topic}`."
    )


def _chain(file: Path | None, given: Sequence[str] | None) -> TransformChain:
    config = {name: str(value) for name, value in read_yaml_mapping(file).items()} if file else {}
    config |= key_values("--set", given or ())
    return transform_chain(Config({}, config))


def _properties(bootstrap_servers: str, given: Sequence[str] | None) -> dict[str, str]:
    return {"bootstrap.servers": bootstrap_servers, **key_values("--kafka", given or ())}


def _targets(registry: str) -> list[str]:
    return [each.strip() for each in registry.split(",") if each.strip()]


def _ask(question: str, yes: bool) -> None:
    if not yes:
        typer.confirm(question, abort=True, err=True)


@contextmanager
def _progress(title: str, total: int, *, shown: bool) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bars:
        task = bars.add_task(title, total=total)
        yield lambda outcome: bars.update(task, completed=outcome.done)


def _report(outcome: Outcome, output: Format, done: str) -> None:
    failures = [{"position": _position(each.letter), "reason": each.reason} for each in outcome.failures]
    if output is Format.JSON:
        counts = {name: getattr(outcome, name) for name in ("replayed", "dropped", "failed")}
        print_json({**counts, "failures": failures})
    else:
        typer.echo(done)
        if failures:
            print_table(
                ("offset", "why it waits on"),
                [(each["position"], each["reason"]) for each in failures],
                title=f"{outcome.failed} could not be repaired",
            )
    if outcome.failed:
        raise typer.Exit(1)


def _position(letter: DeadLetter) -> str:
    return f"{letter.partition}:{letter.offset}"


def _time(stamp: int | None) -> str:
    return "" if stamp is None else f"{datetime.fromtimestamp(stamp / 1000, UTC):%F %T}"
