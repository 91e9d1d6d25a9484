"""What a configuration asks for, its different spellings resolved. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tidegate.errors import ConfigProblem
from tidegate.sdk.config_def import Config
from tidegate.sdk.drift import KEY, PROJECT

BACKENDS = ("postgresql", "mysql", "mariadb", "sqlite")

INSERT = "insert"
UPSERT = "upsert"
UPDATE = "update"

NONE = "none"
KAFKA = "kafka"
RECORD_KEY = "record_key"
RECORD_VALUE = "record_value"

KAFKA_COLUMNS = ("__connect_topic", "__connect_partition", "__connect_offset")

_SAME = (
    ("connection.user", "connection.username"),
    ("pk.mode", "primary.key.mode"),
    ("pk.fields", "primary.key.fields"),
    ("fields.whitelist", "fields.include.list"),
    ("fields.whitelist", "field.include.list"),
)


@dataclass(frozen=True, slots=True)
class Options:
    """How records become rows.

    Args:
        insert_mode: ``insert``, ``upsert`` or ``update``.
        pk_mode: ``none``, ``kafka``, ``record_key`` or ``record_value``.
        pk_fields: see key ``pk.fields``; empty for its default.
        delete_enabled: whether a tombstone deletes.
        fields: fields of the value to write; empty for all.
        auto_create: whether missing tables are made.
        auto_evolve: whether missing columns are added.
        project: whether fields without a column are left out.
        batch_size: the most rows of a statement.
        zone: time zone of columns that know none.
    """

    insert_mode: str = INSERT
    pk_mode: str = NONE
    pk_fields: tuple[str, ...] = ()
    delete_enabled: bool = False
    fields: frozenset[str] = frozenset()
    auto_create: bool = False
    auto_evolve: bool = False
    project: bool = False
    batch_size: int = 3000
    zone: str = "UTC"

    @classmethod
    def from_config(cls, config: Config) -> Options:
        """The options of a configuration without :func:`problems`."""
        evolution = config["schema.evolution"]
        fields = config["fields.whitelist"] or config["fields.include.list"] or config["field.include.list"]
        return cls(
            insert_mode=config["insert.mode"],
            pk_mode=_pk_mode(config),
            pk_fields=tuple(config["pk.fields"] or config["primary.key.fields"]),
            delete_enabled=config["delete.enabled"],
            fields=frozenset(fields),
            auto_create=config["auto.create"] or evolution == "basic",
            auto_evolve=config["auto.evolve"] or evolution == "basic",
            project=config.get(KEY) == PROJECT,
            batch_size=config["batch.size"],
            zone=config["db.timezone"],
        )


def problems(config: Config) -> Iterator[ConfigProblem]:
    """What is wrong with the keys together."""
    for name, other in _SAME:
        if name in config.originals and other in config.originals:
            yield ConfigProblem(other, f"means the same as {name}: give one of them")
    mode, fields = _pk_mode(config), config["pk.fields"] or config["primary.key.fields"]
    if mode not in (NONE, KAFKA, RECORD_KEY, RECORD_VALUE):
        yield ConfigProblem("primary.key.mode", f"{mode!r} is not known: use none, kafka, record_key or record_value")
    if config["schema.evolution"] not in (None, "none", "basic"):
        yield ConfigProblem("schema.evolution", f"{config['schema.evolution']!r} is not known: use none or basic")
    if config["insert.mode"] != INSERT and mode == NONE:
        yield ConfigProblem(
            "pk.mode", f"is none; insert.mode={config['insert.mode']} needs a key: use record_key or record_value"
        )
    if config["delete.enabled"] and mode != RECORD_KEY:
        yield ConfigProblem("pk.mode", f"is {mode}; delete.enabled=true finds rows by the key: use record_key")
    if mode == NONE and fields:
        yield ConfigProblem("pk.fields", "names fields though pk.mode is none: set pk.mode, or leave pk.fields out")
    if mode == KAFKA and fields and len(fields) != len(KAFKA_COLUMNS):
        yield ConfigProblem("pk.fields", "with pk.mode=kafka it needs three names: of topic, partition and offset")


def _pk_mode(config: Config) -> Any:
    return config["pk.mode"] if "pk.mode" in config.originals else config["primary.key.mode"] or config["pk.mode"]
