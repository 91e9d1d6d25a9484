"""The embedded stack: real etcd, broker, S3 and PostgreSQL as owned OS processes, without Docker."""

from __future__ import annotations

from tidegate.devstack.apache_kafka import ApacheKafka
from tidegate.devstack.component import Component
from tidegate.devstack.errors import ComponentMissingError, ComponentStartError, StateDirInUseError
from tidegate.devstack.etcd import Etcd
from tidegate.devstack.mariadb import MariaDB
from tidegate.devstack.mysql import MySQL
from tidegate.devstack.opensearch import OpenSearch
from tidegate.devstack.postgres import Postgres
from tidegate.devstack.process import OwnedProcess
from tidegate.devstack.reaping import reap_leftovers
from tidegate.devstack.seaweedfs import SeaweedFS
from tidegate.devstack.stack import EmbeddedStack
from tidegate.devstack.tansu import Tansu

__all__ = [
    "ApacheKafka",
    "Component",
    "ComponentMissingError",
    "ComponentStartError",
    "EmbeddedStack",
    "Etcd",
    "MariaDB",
    "MySQL",
    "OpenSearch",
    "OwnedProcess",
    "Postgres",
    "SeaweedFS",
    "StateDirInUseError",
    "Tansu",
    "reap_leftovers",
]
