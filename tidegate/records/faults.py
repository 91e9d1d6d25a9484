"""Faults: single records that can not go on, each with its stage and reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Where in the pipeline a record failed; the names are Kafka Connect's (header ``__connect.errors.stage``)."""

    TASK_POLL = "TASK_POLL"
    TRANSFORMATION = "TRANSFORMATION"
    KEY_CONVERTER = "KEY_CONVERTER"
    VALUE_CONVERTER = "VALUE_CONVERTER"
    HEADER_CONVERTER = "HEADER_CONVERTER"
    KAFKA_PRODUCE = "KAFKA_PRODUCE"
    KAFKA_CONSUME = "KAFKA_CONSUME"
    TASK_PUT = "TASK_PUT"


@dataclass(frozen=True, slots=True)
class RecordFault:
    """Why one record of a batch can not go on.

    Args:
        row: index of the record in its batch.
        stage: where it failed.
        exception: name of the error's class.
        message: one sentence naming the field and the rule, for a person.
    """

    row: int
    stage: Stage
    exception: str
    message: str
