"""The control plane's values as messages of the coordinator's API. Pure."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from tidegate.api.common.v1 import common_pb2
from tidegate.api.coordinator.v1 import coordinator_pb2
from tidegate.config.secrets import hide_secrets
from tidegate.control import ConnectorState, ConnectorType, PluginInfo, TargetState
from tidegate.errors import ConfigError, ConfigProblem
from tidegate_coordinator.cluster_state import ClusterState
from tidegate_coordinator.task_state import current_failure, current_status, shown_connector_state

_TARGET_STATES: dict[int, TargetState] = {
    common_pb2.TARGET_STATE_UNSPECIFIED: "STARTED",
    common_pb2.TARGET_STATE_STARTED: "STARTED",
    common_pb2.TARGET_STATE_PAUSED: "PAUSED",
    common_pb2.TARGET_STATE_STOPPED: "STOPPED",
}


def target_state(number: int) -> TargetState:
    """The target state a request asks for.

    Raises:
        ConfigError: a later version's, unknown here.
    """
    try:
        return _TARGET_STATES[number]
    except KeyError:
        problem = f"{number} is not a target state this version knows. Use STARTED, PAUSED or STOPPED."
        raise ConfigError([ConfigProblem("target_state", problem)]) from None


def connector_type(kind: ConnectorType) -> common_pb2.ConnectorType.ValueType:
    """Source or sink."""
    return common_pb2.CONNECTOR_TYPE_SOURCE if kind == "source" else common_pb2.CONNECTOR_TYPE_SINK


def connector(state: ClusterState, name: str, wanted: ConnectorState) -> coordinator_pb2.Connector:
    """A connector with its tasks, secrets hidden.

    Args:
        state: where its tasks are.
        name: its name.
        wanted: its own state, which may be newer than the one in ``state``.
    """
    tasks = sorted(state.tasks.get(name, {})) if wanted.target_state != "STOPPED" else []
    return coordinator_pb2.Connector(
        name=name,
        config=hide_secrets(wanted.config, wanted.password_keys),
        type=connector_type(wanted.type),
        target_state=common_pb2.TargetState.Value(f"TARGET_STATE_{wanted.target_state}"),
        tasks=[common_pb2.TaskId(connector=name, task=number) for number in tasks],
        generation=wanted.generation,
    )


def connector_status(state: ClusterState, name: str) -> coordinator_pb2.ConnectorStatus:
    """Status of a connector, which must be in ``state``, and its tasks."""
    wanted = state.connectors[name].value
    failure = current_failure(state, name)
    tasks = sorted(state.tasks.get(name, {})) if wanted.target_state != "STOPPED" else []
    return coordinator_pb2.ConnectorStatus(
        name=name,
        type=connector_type(wanted.type),
        state=common_pb2.State.Value(f"STATE_{shown_connector_state(state, name)}"),
        worker_id="" if state.leader is None else state.leader.value.address,
        trace="" if failure is None else failure.trace,
        tasks=[task_status(state, name, number) for number in tasks],
    )


def task_status(state: ClusterState, name: str, number: int) -> coordinator_pb2.TaskStatus:
    """Status of one task."""
    claim, reported = state.claims.get(name, {}).get(number), current_status(state, name, number)
    message = coordinator_pb2.TaskStatus(
        task=common_pb2.TaskId(connector=name, task=number),
        state=common_pb2.STATE_UNASSIGNED,
        worker_id="" if claim is None else claim.value.worker_id,
        epoch=0 if claim is None else claim.create_revision,
    )
    if reported is not None:
        message.state = common_pb2.State.Value(f"STATE_{reported.state}")
        message.trace = reported.trace
        message.restarts = reported.restarts
        message.since.CopyFrom(
            Timestamp(seconds=reported.since_ms // 1_000, nanos=reported.since_ms % 1_000 * 1_000_000)
        )
    return message


def task(state: ClusterState, name: str, number: int) -> coordinator_pb2.Task:
    """A task with its configuration, secrets hidden."""
    password_keys = state.connectors[name].value.password_keys if name in state.connectors else []
    return coordinator_pb2.Task(
        id=common_pb2.TaskId(connector=name, task=number),
        config=hide_secrets(state.tasks[name][number].value.config, password_keys),
    )


def plugin(info: PluginInfo) -> common_pb2.Plugin:
    """A plugin."""
    return common_pb2.Plugin(
        class_name=info.class_name,
        type=connector_type(info.type),
        version=info.version,
        aliases=info.aliases,
        doc=info.doc,
    )


def workers(state: ClusterState) -> list[coordinator_pb2.Worker]:
    """The live workers by id, with the tasks they hold."""
    held: dict[str, list[common_pb2.TaskId]] = {}
    for name in sorted(state.claims):
        for number, claim in sorted(state.claims[name].items()):
            held.setdefault(claim.value.worker_id, []).append(common_pb2.TaskId(connector=name, task=number))
    return [
        coordinator_pb2.Worker(
            id=worker_id,
            address=stored.value.address,
            slots=stored.value.slots,
            version=stored.value.version,
            plugins=sorted(each.class_name for each in stored.value.plugins),
            tasks=held.get(worker_id, []),
            draining=stored.value.draining,
        )
        for worker_id, stored in sorted(state.workers.items())
    ]
