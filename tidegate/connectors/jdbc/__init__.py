"""JDBC source: tables of a relational database to Kafka, by polling."""

from tidegate.connectors.jdbc.connector import JdbcSourceConnector
from tidegate.connectors.jdbc.task import JdbcSourceTask

__all__ = ["JdbcSourceConnector", "JdbcSourceTask"]
