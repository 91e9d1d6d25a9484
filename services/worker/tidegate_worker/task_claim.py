"""A task's claim and status in etcd: the transactions by which one holder at most exists."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.control import Claim, TaskStatusRecord
from tidegate.etcd import Compare, EtcdClient, EtcdOutcomeUnknownError, Keyspace, Op


@dataclass(frozen=True)
class ClaimKeys:
    """One task's keys.

    Args:
        etcd: the client.
        keys: the cluster's keys.
        connector: connector name.
        task: task number.
    """

    etcd: EtcdClient
    keys: Keyspace
    connector: str
    task: int

    @property
    def claim(self) -> str:
        """The claim's key."""
        return self.keys.claim(self.connector, self.task)

    async def take(self, claim: Claim, assigned_revision: int, lease: int) -> int | None:
        """Claims the task if nobody holds it and its assignment is the one we know.

        Args:
            claim: who claims.
            assigned_revision: mod_revision of the assignment that names the claimant.
            lease: the worker's lease, which the claim lives on.

        Returns:
            The epoch, or None when the condition does not hold.

        Raises:
            EtcdError: etcd is away.
        """
        assignment = self.keys.assignment(self.connector, self.task)
        try:
            result = await self.etcd.txn(
                [Compare.missing(self.claim), Compare.mod_revision(assignment, "==", assigned_revision)],
                [Op.put(self.claim, claim.to_json(), lease=lease)],
            )
        except EtcdOutcomeUnknownError:
            found = await self.etcd.get(self.claim)
            return found.create_revision if found is not None and found.lease == lease else None
        return result.revision if result.succeeded else None

    async def release(self, epoch: int) -> None:
        """Gives the claim back, if it is still that one."""
        await self.etcd.txn([Compare.create_revision(self.claim, "==", epoch)], [Op.delete(self.claim)])

    async def report(self, epoch: int, status: TaskStatusRecord) -> bool:
        """Writes the status, if the claim is still that one."""
        result = await self.etcd.txn(
            [Compare.create_revision(self.claim, "==", epoch)],
            [Op.put(self.keys.status(self.connector, self.task), status.to_json())],
        )
        return result.succeeded
