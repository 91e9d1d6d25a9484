"""``${file:/path/to.properties:key}`` and ``${directory:/path:name}``: files of the worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from tidegate.config.providers.provider import ConfigProvider, UnresolvedError


class _FilesProvider(ConfigProvider):
    """``allowed.paths``: directories, separated by commas, that files have to lie below (KIP-993)."""

    def __init__(self) -> None:
        self._allowed: list[Path] = []

    def configure(self, config: Mapping[str, str]) -> None:
        """See the base class."""
        given = [each.strip() for each in config.get("allowed.paths", "").split(",") if each.strip()]
        self._allowed = [Path(each).resolve() for each in given]

    def read(self, path: Path) -> str:
        """The text of a file that may be read."""
        real = path.resolve()
        if self._allowed and not any(real.is_relative_to(each) for each in self._allowed):
            raise UnresolvedError(f"{path} lies outside allowed.paths of the worker.")
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise UnresolvedError(
                f"{path} can not be read where the task runs: {error.strerror}. Put it on every worker, readable."
            ) from None
        except UnicodeDecodeError:
            raise UnresolvedError(f"{path} is not UTF-8 text.") from None


class FileConfigProvider(_FilesProvider):
    """Kafka's FileConfigProvider: lines ``key=value`` of a properties file."""

    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str]:
        """See the base class."""
        found: dict[str, str] = {}
        for line in self.read(Path(path)).splitlines():
            name, separator, value = line.partition("=")
            if separator and not line.lstrip().startswith(("#", "!")):
                found.setdefault(name.strip(), value.strip())
        return {key: found[key] for key in keys if key in found}

    def missing(self, path: str, key: str) -> str:
        """See the base class."""
        return f"{path} has no line {key}=... Add it on every worker."


class DirectoryConfigProvider(_FilesProvider):
    """Kafka's DirectoryConfigProvider: each file of a directory is a key, as Kubernetes mounts secrets."""

    def __init__(self) -> None:
        super().__init__()
        self._reasons: dict[tuple[str, str], str] = {}

    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str]:
        """See the base class."""
        found = {}
        for key in keys:
            try:
                found[key] = self._value(path, key)
            except UnresolvedError as error:
                self._reasons[path, key] = str(error)
        return found

    def missing(self, path: str, key: str) -> str:
        """See the base class."""
        return self._reasons[path, key]

    def _value(self, path: str, key: str) -> str:
        if not key or "/" in key or key == "..":
            raise UnresolvedError(f"{key!r} is not the name of a file in {path}.")
        return self.read(Path(path) / key).rstrip("\n")
