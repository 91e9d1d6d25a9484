"""MySQL and MariaDB change data capture from the binary log."""

from __future__ import annotations

from tidegate.connectors.mysql_cdc.connector import MySqlCdcConnector

__all__ = ["MySqlCdcConnector"]
