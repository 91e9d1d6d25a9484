"""Build hook: generates the gRPC stubs under ``tidegate/api`` from ``protos/``."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# protoc names Python modules after proto paths (tidegate/worker/v1); clients import tidegate.api.worker.v1,
# which leaves the package names in the protos free of a language's layout.
_IMPORT = re.compile(r"\b(from|import) tidegate\.(common|coordinator|worker|registry)\.v1\b")
_DOTTED = re.compile(r"(?<![\w./\"'])tidegate\.(common|coordinator|worker|registry)\.v1\.")


def generate_stubs(root: Path) -> None:
    """Compile every proto under ``root/protos`` into ``root/tidegate/api``.

    Raises:
        RuntimeError: protoc refused a proto file; its message is on stderr.
    """
    import grpc_tools
    from grpc_tools import protoc

    protos = root / "protos"
    api = root / "tidegate" / "api"
    staging = root / "build" / "stubs"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    sources = sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))
    bin_dir = Path(sys.executable).parent
    arguments = [
        "protoc",
        f"-I{protos}",
        f"-I{well_known}",
        f"--python_out={staging}",
        f"--grpc_python_out={staging}",
    ]
    for plugin, option in (("protoc-gen-mypy", "mypy"), ("protoc-gen-mypy_grpc", "mypy_grpc")):
        found = shutil.which(plugin, path=str(bin_dir)) or shutil.which(plugin)
        if found:
            arguments += [f"--plugin={plugin}={found}", f"--{option}_out={staging}"]
    if protoc.main([*arguments, *sources]) != 0:
        raise RuntimeError("protoc failed on protos/: see its message above")
    for generated in staging.rglob("*.py*"):
        text = generated.read_text()
        text = _IMPORT.sub(r"\1 tidegate.api.\2.v1", text)
        if generated.suffix == ".pyi":
            text = _DOTTED.sub(r"tidegate.api.\1.v1.", text)
        target = api / generated.relative_to(staging / "tidegate")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        for package in (target.parent, target.parent.parent):
            (package / "__init__.py").touch()
    shutil.rmtree(staging)


class StubsBuildHook(BuildHookInterface):  # type: ignore[misc, type-arg, unused-ignore]
    """Runs :func:`generate_stubs` before every wheel and editable build."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        generate_stubs(Path(self.root))


if __name__ == "__main__":
    generate_stubs(Path(__file__).resolve().parent)
