"""Drift policy: what a connector does when the form of records changes and its target's does not. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.errors import ConfigProblem

KEY = "drift.policy"
HALT = "halt"
FAIL = "fail"
EVOLVE = "evolve"
PROJECT = "project"
POLICIES = (HALT, FAIL, EVOLVE, PROJECT)

DriftKeys = Mapping[str, Mapping[str, str]]
"""For each policy a sink has the notion of, the keys of its own that bring it about, with their values."""


def with_drift_keys(keys: DriftKeys, config: Mapping[str, str]) -> dict[str, str]:
    """The configuration with the sink's own keys that the policy stands for, unless they are given.

    Args:
        keys: the sink's.
        config: as given.
    """
    return {**keys.get(config.get(KEY, "").strip(), {}), **config}


def drift_problems(keys: DriftKeys, config: Mapping[str, str]) -> list[ConfigProblem]:
    """A policy the sink has no notion of, and keys of its own that contradict it."""
    policy = config.get(KEY, "").strip()
    if policy in (EVOLVE, PROJECT) and policy not in keys:
        return [ConfigProblem(KEY, f"{policy} is nothing this connector can do: use halt or fail")]
    return [
        ConfigProblem(key, f"{config[key]!r} contradicts drift.policy={policy}, which is {key}={value}: keep one")
        for key, value in keys.get(policy, {}).items()
        if key in config and config[key].strip().lower() != value.lower()
    ]
