"""PostgreSQL change data capture from the write-ahead log."""

from __future__ import annotations

from tidegate.connectors.postgres_cdc.connector import PostgresCdcConnector

__all__ = ["PostgresCdcConnector"]
