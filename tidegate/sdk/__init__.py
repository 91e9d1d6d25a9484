"""The stable surface for connector authors."""

from tidegate.config.providers.provider import ConfigProvider, UnresolvedError
from tidegate.records.envelope import Batch, SinkOffset, SourceBatch, TopicPartition, envelope
from tidegate.sdk.config_def import REQUIRED, Config, ConfigDef, Importance, Type
from tidegate.sdk.sink import SinkConnector, SinkContext, SinkTask
from tidegate.sdk.source import SourceConnector, SourceContext, SourceTask

__all__ = [
    "REQUIRED",
    "Batch",
    "Config",
    "ConfigDef",
    "ConfigProvider",
    "Importance",
    "SinkConnector",
    "SinkContext",
    "SinkOffset",
    "SinkTask",
    "SourceBatch",
    "SourceConnector",
    "SourceContext",
    "SourceTask",
    "TopicPartition",
    "Type",
    "UnresolvedError",
    "envelope",
]
