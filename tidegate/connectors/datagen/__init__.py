"""Datagen source: made-up records for trials and load tests."""

from tidegate.connectors.datagen.connector import DatagenSourceConnector
from tidegate.connectors.datagen.task import DatagenSourceTask

__all__ = ["DatagenSourceConnector", "DatagenSourceTask"]
