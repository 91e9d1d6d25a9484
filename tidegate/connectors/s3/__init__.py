"""S3 sink: topics to files in an S3 bucket, exactly once."""

from tidegate.connectors.s3.connector import S3SinkConnector
from tidegate.connectors.s3.task import S3SinkTask

__all__ = ["S3SinkConnector", "S3SinkTask"]
