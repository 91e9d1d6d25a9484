"""Runs protoc, from the grpcio-tools wheel, in a process of its own: what it is given is other people's text."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from google.protobuf import descriptor_pb2

from tidegate.records.schema_error import UnusableSchemaError

_TIMEOUT_SECONDS: Final = 20.0
_MAIN: Final = "schema.proto"


def compile_proto(
    text: str, imports: Mapping[str, descriptor_pb2.FileDescriptorProto]
) -> Sequence[descriptor_pb2.FileDescriptorProto]:
    """Compile one .proto file.

    Args:
        text: the file.
        imports: compiled files it may import beside Google's well-known ones, by path, with all that they import.

    Returns:
        The descriptors of everything it needs, in an order in which each follows its imports; its own is the last.

    Raises:
        UnusableSchemaError: protoc refuses it; the message is protoc's.
    """
    main = _free_name(imports)
    with tempfile.TemporaryDirectory(prefix="tidegate-protoc-") as folder:
        root = Path(folder)
        (root / main).write_bytes(text.encode("utf-8", "surrogatepass"))
        output = root / "compiled"
        arguments = [f"-I{root}", f"-I{_well_known()}", "--include_imports", f"--descriptor_set_out={output}"]
        if imports:
            known = root / "known"
            known.write_bytes(descriptor_pb2.FileDescriptorSet(file=imports.values()).SerializeToString())
            arguments.append(f"--descriptor_set_in={known}")
        try:
            # Our own interpreter with arguments of ours; what others wrote reaches it as a file.
            run = subprocess.run(  # noqa: S603
                [sys.executable, "-P", "-m", "grpc_tools.protoc", *arguments, main],
                cwd=root,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UnusableSchemaError(f"protoc did not finish the schema within {_TIMEOUT_SECONDS:.0f} s.") from None
        if run.returncode != 0 or not output.exists():
            lines = [line.replace(f"{root}/", "") for line in run.stderr.splitlines() if "warning:" not in line]
            raise UnusableSchemaError(f"protoc refuses the schema: {'; '.join(lines)[:2000]}")
        return descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes()).file


def _well_known() -> Path:
    import grpc_tools

    return Path(grpc_tools.__file__).parent / "_proto"


def _free_name(imports: Mapping[str, object]) -> str:
    name = _MAIN
    while name in imports:
        name = f"_{name}"
    return name
