"""Build hook: the gRPC stubs ``tidegate.api`` from ``protos/``, the extension ``tidegate._native`` from ``native/``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
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


def build_extension(root: Path) -> Path | None:
    """Build ``root/native`` with cargo and put the module into ``root/tidegate``.

    Tidegate does the same without it, only slower: so neither a machine without cargo nor a build that fails is an
    error, unless ``TIDEGATE_NATIVE=1`` demands the extension. ``TIDEGATE_NATIVE=0`` builds none.

    Returns:
        The module, or None.

    Raises:
        RuntimeError: the extension is demanded, and there is none.
    """
    wanted = os.environ.get("TIDEGATE_NATIVE", "")
    module = root / "tidegate" / "_native.abi3.so"
    if wanted == "0":
        return None
    problem = _cargo_build(root / "native", module)
    if not problem:
        return module
    if wanted == "1":
        raise RuntimeError(f"TIDEGATE_NATIVE=1, but there is no extension: {problem}")
    sys.stderr.write(f"Going without the native extension, in pure Python: {problem}.\n")
    return None


def _cargo_build(crate: Path, module: Path) -> str:
    """Build and copy; the reason why not, or nothing."""
    cargo = shutil.which("cargo")
    if cargo is None:
        return "cargo is not on the PATH"
    target = Path(os.environ.get("CARGO_TARGET_DIR", crate / "target"))
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(target),
        "PYO3_BUILD_EXTENSION_MODULE": "1",
        # The stable ABI needs no interpreter to look at, and none that changes makes cargo build anew.
        "PYO3_NO_PYTHON": "1",
    }
    # From within the crate, for cargo looks for its configuration from the working directory upwards.
    done = subprocess.run([cargo, "build", "--release", "--locked"], cwd=crate, env=environment, check=False)  # noqa: S603
    if done.returncode != 0:
        return "cargo build failed, see its message above"
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    # A process may have the old module mapped: it is replaced, not written over.
    fresh = module.with_suffix(".so.new")
    shutil.copyfile(target / "release" / f"libtidegate_native{suffix}", fresh)
    fresh.replace(module)
    return ""


class TidegateBuildHook(BuildHookInterface):  # type: ignore[misc, type-arg, unused-ignore]
    """Generates and compiles before every wheel and editable build."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        generate_stubs(Path(self.root))
        module = build_extension(Path(self.root))
        if module is not None and version == "standard":
            from packaging.tags import sys_tags

            build_data["artifacts"].append(f"/{module.relative_to(self.root)}")
            build_data["pure_python"] = False
            build_data["tag"] = f"cp311-abi3-{next(sys_tags()).platform}"


if __name__ == "__main__":
    if sys.argv[1:] == ["native"]:
        build_extension(Path(__file__).resolve().parent)
    else:
        generate_stubs(Path(__file__).resolve().parent)
