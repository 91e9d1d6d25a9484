"""The Parquet files in the bucket, as any reader finds them."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, FileType, S3FileSystem

TOPICS_DIR = "topics"


class Lake:
    """Reads the bucket with pyarrow, over S3.

    Args:
        endpoint_url: the object store's S3 endpoint.
        access_key: key id.
        secret_key: its secret.
        bucket: name.
        region: the bucket's.
        topics_dir: prefix of all objects.
    """

    def __init__(
        self,
        endpoint_url: str,
        access_key: str,
        secret_key: str,
        bucket: str,
        region: str,
        *,
        topics_dir: str = TOPICS_DIR,
    ) -> None:
        endpoint = urlsplit(endpoint_url)
        self.bucket = bucket
        self._topics_dir = topics_dir
        self._rows: dict[str, int] = {}
        self._files = S3FileSystem(
            access_key=access_key,
            secret_key=secret_key,
            endpoint_override=endpoint.netloc,
            scheme=endpoint.scheme,
            region=region,
        )

    def files(self, topic: str) -> list[str]:
        """Paths of a topic's Parquet files."""
        where = FileSelector(f"{self.bucket}/{self._topics_dir}/{topic}", allow_not_found=True, recursive=True)
        found = self._files.get_file_info(where)
        return sorted(each.path for each in found if each.type is FileType.File and each.path.endswith(".parquet"))

    def count(self, topic: str) -> int:
        """Rows of a topic, from the files' footers; each footer is read once."""
        paths = self.files(topic)
        for path in paths:
            if path not in self._rows:
                with self._files.open_input_file(path) as file:
                    self._rows[path] = pq.ParquetFile(file).metadata.num_rows
        return sum(self._rows[path] for path in paths)

    def read(self, topic: str, columns: Sequence[str] | None = None) -> list[pa.Table]:
        """Every file of a topic, read whole.

        Args:
            topic: name.
            columns: those wanted; all when None.
        """
        tables = []
        for path in self.files(topic):
            with self._files.open_input_file(path) as file:
                tables.append(pq.ParquetFile(file).read(columns=list(columns) if columns else None))
        return tables
