"""JDBC sink: topics to tables of a relational database, exactly once."""

from tidegate.connectors.jdbc_sink.connector import JdbcSinkConnector
from tidegate.connectors.jdbc_sink.task import JdbcSinkTask

__all__ = ["JdbcSinkConnector", "JdbcSinkTask"]
