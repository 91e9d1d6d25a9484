"""The values in etcd by which coordinators and workers work together."""

from __future__ import annotations

from tidegate.control.assignment import Assignment
from tidegate.control.claim import Claim
from tidegate.control.connector_state import ConnectorState, ConnectorType, TargetState
from tidegate.control.connector_status import ConnectorStatusRecord
from tidegate.control.layout import Layout
from tidegate.control.leader_info import LeaderInfo
from tidegate.control.stored_value import MalformedValueError, StoredValue
from tidegate.control.task_spec import TaskSpec
from tidegate.control.task_status import State, TaskStatusRecord
from tidegate.control.worker_info import PluginInfo, WorkerInfo

__all__ = [
    "Assignment",
    "Claim",
    "ConnectorState",
    "ConnectorStatusRecord",
    "ConnectorType",
    "Layout",
    "LeaderInfo",
    "MalformedValueError",
    "PluginInfo",
    "State",
    "StoredValue",
    "TargetState",
    "TaskSpec",
    "TaskStatusRecord",
    "WorkerInfo",
]
