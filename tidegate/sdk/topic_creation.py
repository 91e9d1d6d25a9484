"""How a source's topics that are missing are created: groups of topics with their own settings (KIP-158)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.errors import ConfigProblem

GROUPS = "topic.creation.groups"
DEFAULT = "default"
_PARTITIONS, _REPLICATION = "partitions", "replication.factor"
_CHOICES = ("include", "exclude")
_NUMBERS = (_PARTITIONS, _REPLICATION)


@dataclass(frozen=True)
class TopicSettings:
    """What a topic is created with.

    Args:
        partitions: how many; -1 for the brokers' default.
        replication: factor; -1 for the brokers' default.
        config: settings of the topic, such as ``cleanup.policy``.
    """

    partitions: int
    replication: int
    config: Mapping[str, str]


class TopicCreation:
    """The groups of a configuration that :func:`topic_creation_problems` has no complaint about.

    Args:
        config: a source connector's, as text.
    """

    def __init__(self, config: Mapping[str, str]) -> None:
        default = _of_group(config, DEFAULT)
        self._default = _settings(default, {})
        self._groups = [
            (_patterns(group, "include"), _patterns(group, "exclude"), _settings(group, default))
            for group in (_of_group(config, name) for name in _listed(config, GROUPS))
        ]

    def settings(self, topic: str) -> TopicSettings:
        """What a topic is created with: as the first group says that includes it, else as the default one."""
        for include, exclude, settings in self._groups:
            if _any(include, topic) and not _any(exclude, topic):
                return settings
        return self._default


def topic_creation_problems(config: Mapping[str, str]) -> list[ConfigProblem]:
    """What is wrong with the groups of a configuration."""
    problems = []
    names = _listed(config, GROUPS)
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            problems.append(ConfigProblem(GROUPS, f"names {name} twice: leave one out"))
        if name == DEFAULT:
            problems.append(ConfigProblem(GROUPS, "names default, which is for all other topics: leave it out"))
        elif not _listed(_of_group(config, name), "include"):
            problems.append(
                ConfigProblem(f"topic.creation.{name}.include", "is missing: give regular expressions of topics' names")
            )
    for name in (DEFAULT, *dict.fromkeys(names)):
        problems += _group_problems(name, _of_group(config, name))
    return problems


def _group_problems(name: str, group: Mapping[str, str]) -> list[ConfigProblem]:
    problems = []
    for key in _CHOICES:
        for pattern in _listed(group, key):
            try:
                re.compile(pattern)
            except re.error as error:
                problem = f"{pattern!r} is no regular expression: {error}"
                problems.append(ConfigProblem(f"topic.creation.{name}.{key}", problem))
    for key in _NUMBERS:
        text = group.get(key, "-1").strip()
        if not re.fullmatch(r"-1|[1-9][0-9]*", text):
            problem = f"{text!r} is no number of at least 1, nor -1 for the brokers' default"
            problems.append(ConfigProblem(f"topic.creation.{name}.{key}", problem))
    return problems


def _of_group(config: Mapping[str, str], name: str) -> dict[str, str]:
    prefix = f"topic.creation.{name}."
    return {key[len(prefix) :]: text for key, text in config.items() if key.startswith(prefix)}


def _settings(group: Mapping[str, str], default: Mapping[str, str]) -> TopicSettings:
    partitions, replication = (int(group.get(key, default.get(key, "-1"))) for key in _NUMBERS)
    config = {key: text for key, text in group.items() if key not in (*_CHOICES, *_NUMBERS)}
    return TopicSettings(partitions, replication, config)


def _listed(config: Mapping[str, str], key: str) -> list[str]:
    return [part.strip() for part in config.get(key, "").split(",") if part.strip()]


def _patterns(group: Mapping[str, str], key: str) -> list[re.Pattern[str]]:
    return [re.compile(pattern) for pattern in _listed(group, key)]


def _any(patterns: list[re.Pattern[str]], topic: str) -> bool:
    return any(pattern.fullmatch(topic) for pattern in patterns)
