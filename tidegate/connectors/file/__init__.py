"""File source and sink: lines of JSON or text."""

from tidegate.connectors.file.sink_connector import FileSinkConnector
from tidegate.connectors.file.sink_task import FileSinkTask
from tidegate.connectors.file.source_connector import FileSourceConnector
from tidegate.connectors.file.source_task import FileSourceTask

__all__ = ["FileSinkConnector", "FileSinkTask", "FileSourceConnector", "FileSourceTask"]
