"""Iceberg sink: topics to Iceberg tables, exactly once."""

from tidegate.connectors.iceberg.connector import IcebergSinkConnector
from tidegate.connectors.iceberg.task import IcebergSinkTask

__all__ = ["IcebergSinkConnector", "IcebergSinkTask"]
