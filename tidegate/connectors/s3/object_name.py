"""Names of objects in the bucket."""

from __future__ import annotations

import re
from urllib.parse import quote

from tidegate.records.envelope import TopicPartition


class ObjectNames:
    """Names below one prefix.

    Args:
        topics_dir: the prefix, ``topics.dir``.
        connector: name of the connector.
        delimiter: between topic, partition and offset in the names of data files.
        pad_width: digits of the offset at least.
    """

    def __init__(self, topics_dir: str, connector: str, *, delimiter: str = "+", pad_width: int = 10) -> None:
        self.root = f"{topics_dir.strip('/')}/" if topics_dir.strip("/") else ""
        """Prefix of everything."""
        self._delimiter = delimiter
        self._pad_width = pad_width
        self._connector = quote(connector, safe=" -_.")

    def data(self, where: TopicPartition, directory: str, offset: int, extension: str) -> str:
        """A data file, named by its first record, as Confluent's sink names them.

        Args:
            where: the topic partition the records were consumed from.
            directory: below the root: the topic the records are for, and its own directory below that.
            offset: of the first record.
            extension: of the file, without the leading dot.
        """
        return f"{self.root}{directory}/{self._file_prefix(where)}{offset:0{self._pad_width}d}.{extension}"

    def is_data_of(self, where: TopicPartition, key: str) -> bool:
        """Whether a key is that of a data file of a topic partition."""
        return key.rpartition("/")[2].startswith(self._file_prefix(where))

    def manifests(self, where: TopicPartition) -> str:
        """Prefix of a topic partition's manifests."""
        return f"{self.root}_tidegate/{self._connector}/manifests/{where.topic}-{where.partition}-"

    def manifest(self, where: TopicPartition, offset: int, epoch: int, started_ms: int) -> str:
        """The manifest of a commit at an offset; later holders sort after earlier ones."""
        return f"{self.manifests(where)}{offset:019d}-{epoch:019d}-{started_ms:015d}.json"

    def schema(self, topic: str) -> str:
        """The object that keeps the widest schema of a topic."""
        return f"{self.root}_tidegate/{self._connector}/schemas/{topic}.json"

    def _file_prefix(self, where: TopicPartition) -> str:
        return f"{where.topic}{self._delimiter}{where.partition}{self._delimiter}"


_MANIFEST = re.compile(r"(?P<offset>\d{19})-(?P<epoch>\d{19})-(?P<started>\d{15})\.json")


def parse_manifest_key(prefix: str, key: str) -> tuple[int, int, int] | None:
    """Offset, epoch and start time (ms) in a manifest's key; None for an object that only shares the prefix."""
    match = _MANIFEST.fullmatch(key[len(prefix) :])
    return None if match is None else (int(match["offset"]), int(match["epoch"]), int(match["started"]))
