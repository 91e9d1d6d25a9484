"""The Iceberg REST catalog, asked how many rows a table has."""

from __future__ import annotations

from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks.stage import TABLE_BUCKET
from tidegate.devstack import SeaweedFS

NAMESPACE = "bench"
SIGNING_NAME = "s3tables"
WAREHOUSE = f"s3://{TABLE_BUCKET}"


class IcebergCatalog:
    """A catalog that wants its requests signed.

    Args:
        seaweedfs: serves it.
    """

    def __init__(self, seaweedfs: SeaweedFS) -> None:
        self._url = seaweedfs.iceberg_url
        credentials = Credentials(seaweedfs.access_key, seaweedfs.secret_key)
        self._signer = SigV4Auth(credentials, SIGNING_NAME, seaweedfs.region)
        self._client = httpx.Client(timeout=30, trust_env=False)
        config = self._call("GET", "/v1/config", {"warehouse": WAREHOUSE})
        given = {**config.get("defaults", {}), **config.get("overrides", {})}
        self._prefix = f"/v1/{given['prefix']}" if given.get("prefix") else "/v1"

    def make_namespace(self) -> None:
        """Create the namespace all benchmark tables are in, where it is missing."""
        self._call("POST", f"{self._prefix}/namespaces", json={"namespace": [NAMESPACE], "properties": {}}, fine=(409,))

    def rows(self, table: str) -> int:
        """Rows of the current snapshot; 0 without one, also where there is no table yet."""
        found = self._call("GET", f"{self._prefix}/namespaces/{NAMESPACE}/tables/{table}", fine=(404,))
        metadata = found.get("metadata", {})
        current = metadata.get("current-snapshot-id")
        for snapshot in metadata.get("snapshots", ()):
            if snapshot["snapshot-id"] == current:
                return int(snapshot["summary"].get("total-records", 0))
        return 0

    def _call(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None = None,
        json: Any = None,
        fine: tuple[int, ...] = (),
    ) -> Any:
        request = self._client.build_request(method, self._url + path, params=params, json=json)
        signed = AWSRequest(method, str(request.url), data=request.content)
        self._signer.add_auth(signed)
        for name, value in signed.headers.items():
            request.headers[name] = value
        answer = self._client.send(request)
        if answer.status_code not in fine:
            answer.raise_for_status()
        return answer.json() if answer.content else {}
