"""Which state of a task or a connector users are shown. Pure."""

from __future__ import annotations

from tidegate.control import ConnectorStatusRecord, State, TaskStatusRecord
from tidegate_coordinator.cluster_state import ClusterState
from tidegate_coordinator.reconciler import is_laid_out


def current_status(state: ClusterState, connector: str, task: int) -> TaskStatusRecord | None:
    """What the present holder reported of a task; None when nobody holds it, or its holder has not reported yet.

    What a holder reported whose claim is gone tells nothing of now, be it RUNNING or FAILED.
    """
    claim = state.claims.get(connector, {}).get(task)
    status = state.statuses.get(connector, {}).get(task)
    if claim is None or status is None or status.value.epoch != claim.create_revision:
        return None
    return status.value


def shown_state(state: ClusterState, connector: str, task: int) -> State:
    """A task's state; UNASSIGNED until its holder has reported."""
    status = current_status(state, connector, task)
    return "UNASSIGNED" if status is None else status.state


def current_failure(state: ClusterState, connector: str) -> ConnectorStatusRecord | None:
    """Why the connector's present configuration could not be laid out; None when it could, or was not tried yet."""
    stored, record = state.connectors.get(connector), state.connector_statuses.get(connector)
    if stored is None or record is None or stored.value.target_state == "STOPPED":
        return None
    present = (stored.value.generation, stored.value.restart)
    return record.value if (record.value.generation, record.value.restart) == present else None


def shown_connector_state(state: ClusterState, connector: str) -> State:
    """A connector's own state, apart from its tasks; UNASSIGNED until it is laid out."""
    failure = current_failure(state, connector)
    if failure is not None:
        return failure.state
    match state.connectors[connector].value.target_state:
        case "STOPPED":
            return "STOPPED"
        case "PAUSED":
            return "PAUSED"
        case "STARTED":
            return "RUNNING" if is_laid_out(state, connector) else "UNASSIGNED"
