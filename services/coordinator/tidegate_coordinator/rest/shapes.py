"""The API's messages in the JSON shapes of Kafka Connect 4.1. Pure."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.json_format import MessageToDict

from tidegate.api.common.v1 import common_pb2
from tidegate.api.coordinator.v1 import coordinator_pb2 as pb
from tidegate.errors import ConfigError, ConfigProblem
from tidegate_coordinator.rest.config_document import as_object

_TYPES = {
    common_pb2.CONNECTOR_TYPE_SOURCE: "source",
    common_pb2.CONNECTOR_TYPE_SINK: "sink",
    common_pb2.CONNECTOR_TYPE_UNSPECIFIED: "unknown",
}


def connector_info(connector: pb.Connector) -> dict[str, Any]:
    """``ConnectorInfo``."""
    return {
        "name": connector.name,
        "config": dict(sorted(connector.config.items())),
        "tasks": [task_id(task) for task in connector.tasks],
        "type": _TYPES[connector.type],
    }


def task_id(task: common_pb2.TaskId) -> dict[str, Any]:
    """``ConnectorTaskId``."""
    return {"connector": task.connector, "task": task.task}


def task_info(task: pb.Task) -> dict[str, Any]:
    """``TaskInfo``."""
    return {"id": task_id(task.id), "config": dict(sorted(task.config.items()))}


def connector_state(status: pb.ConnectorStatus) -> dict[str, Any]:
    """``ConnectorStateInfo``."""
    return {
        "name": status.name,
        "connector": _with_trace({"state": _state(status.state), "worker_id": status.worker_id}, status.trace),
        "tasks": [task_state(task) for task in status.tasks],
        "type": _TYPES[status.type],
    }


def task_state(status: pb.TaskStatus) -> dict[str, Any]:
    """``TaskState``."""
    state = {"id": status.task.task, "state": _state(status.state), "worker_id": status.worker_id}
    return _with_trace(state, status.trace)


def plugin_info(plugin: common_pb2.Plugin) -> dict[str, Any]:
    """``PluginInfo``."""
    return {"class": plugin.class_name, "type": _TYPES[plugin.type], "version": plugin.version}


def config_key_info(entry: common_pb2.ConfigEntry, order: int) -> dict[str, Any]:
    """``ConfigKeyInfo``.

    Args:
        entry: the key.
        order: its place in its group, from 1.
    """
    return {
        "name": entry.name,
        "type": entry.type,
        "required": entry.required,
        "default_value": entry.default_value if entry.HasField("default_value") else None,
        "importance": entry.importance,
        "documentation": entry.documentation,
        "group": entry.group or None,
        "width": "NONE",
        "display_name": entry.name,
        "dependents": [],
        "order": order,
    }


def config_infos(validation: common_pb2.Validation) -> dict[str, Any]:
    """``ConfigInfos``."""
    return {
        "name": validation.name,
        "error_count": validation.error_count,
        "groups": list(validation.groups),
        "configs": [
            {
                "definition": definition,
                "value": {
                    "name": entry.name,
                    "value": entry.value if entry.HasField("value") else None,
                    "recommended_values": list(entry.recommended_values),
                    "errors": list(entry.errors),
                    "visible": True,
                },
            }
            for entry, definition in zip(validation.entries, config_key_infos(list(validation.entries)), strict=True)
        ],
    }


def config_key_infos(entries: list[common_pb2.ConfigEntry]) -> list[dict[str, Any]]:
    """Several ``ConfigKeyInfo``, numbered within their groups."""
    places: dict[str, int] = {}
    infos = []
    for entry in entries:
        places[entry.group] = places.get(entry.group, 0) + 1
        infos.append(config_key_info(entry, places[entry.group]))
    return infos


def connector_offsets(offsets: list[common_pb2.Offset]) -> dict[str, Any]:
    """``ConnectorOffsets``."""
    return {
        "offsets": [
            {
                "partition": json.loads(each.partition_json),
                "offset": json.loads(each.offset_json) if each.HasField("offset_json") else None,
            }
            for each in offsets
        ]
    }


def parse_connector_offsets(document: Any) -> list[common_pb2.Offset]:
    """``ConnectorOffsets`` as sent; an offset of null deletes the entry.

    Raises:
        ConfigError: another shape.
    """
    entries = as_object(document, "body", ("offsets",)).get("offsets")
    if not isinstance(entries, list):
        raise ConfigError([ConfigProblem("offsets", "is not a list. Send a list of partitions with their offsets.")])
    parsed = []
    for number, entry in enumerate(entries):
        fields = as_object(entry, f"offsets[{number}]", ("partition", "offset"))
        partition = as_object(fields.get("partition"), f"offsets[{number}].partition")
        offset = fields.get("offset")
        if offset is not None:
            offset = json.dumps(as_object(offset, f"offsets[{number}].offset"))
        parsed.append(common_pb2.Offset(partition_json=json.dumps(partition), offset_json=offset))
    return parsed


def cluster(view: pb.GetClusterResponse) -> dict[str, Any]:
    """Tidegate's own: workers and the leader."""
    return MessageToDict(view, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def _state(state: int) -> str:
    return common_pb2.State.Name(state).removeprefix("STATE_")  # type: ignore[arg-type]


def _with_trace(state: dict[str, Any], trace: str) -> dict[str, Any]:
    return {**state, "trace": trace} if trace else state
