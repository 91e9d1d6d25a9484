"""OpenSearch and Elasticsearch as a target."""

from tidegate.connectors.opensearch.connector import OpenSearchSinkConnector

__all__ = ["OpenSearchSinkConnector"]
