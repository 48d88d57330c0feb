"""Format `aoti`: AOTInductor, which compiles the program to a shared library for one kind of machine."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass

from torchferry.engines.aoti_requirements import describe_machine
from torchferry.errors import ExitCode, FerryError
from torchferry.formats.silence import silence
from torchferry.intake.source import ExportSource, Written, first_line

FILE = "model.pt2"
CUDA_FILE = "model.cuda.pt2"
# Machine code for a whole class of processors (x86-64 level v3) instead of `-march=native`, which names no class and may need
# instructions that the next server lacks. Matrix products come from LibTorch, which picks the strongest instructions itself.
_LEVELS = {"AVX2": ("x86-64-v3", 256), "DEFAULT": ("", 0)}


def export(source: ExportSource, folder: Path) -> Written:
    """Write model.pt2, and model.cuda.pt2 where there is CUDA.

    Raises FerryError(UNAVAILABLE) without a C++ compiler, FORMAT where the module cannot be compiled.
    """
    _require_compiler()
    machine = describe_machine()
    isa = "AVX2" if machine["isa"] in ("AVX2", "AVX512") else "DEFAULT"
    files = [FILE]
    with silence():
        _compile(source, source.functional_program, folder / FILE, isa)
        if torch.cuda.is_available():
            _compile(source, move_to_device_pass(source.functional_program, "cuda"), folder / CUDA_FILE, isa)
            files.append(CUDA_FILE)
    return Written(
        tuple(files),
        producer=f"torch {torch.__version__}",
        requires={**machine, "isa": isa, "devices": "cpu,cuda" if CUDA_FILE in files else "cpu"},
    )


def _require_compiler() -> None:
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise FerryError(
            ExitCode.UNAVAILABLE, f"--to aoti: got no C++ compiler {compiler}, expected one; install g++ or set CXX to another"
        )
    folder = Path(torch.__file__).parent
    if " " in str(folder):  # its command line for the compiler does not quote the folder of its headers
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"--to aoti: AOTInductor cannot compile where torch is installed in a folder with a space in its name ({folder}); "
            "install torch elsewhere, or leave aoti out",
        )


def _compile(source: ExportSource, program: ExportedProgram, file: Path, isa: str) -> None:
    from torch._inductor.utils import fresh_cache  # imports the compiler

    march, vector_bits = _LEVELS[isa]
    options: dict[str, object] = {
        "cpp.simdlen": vector_bits,
        "cpp.vec_isa_ok": True,  # else torch compiles a test program for every level
        "cpp.dynamic_threads": True,  # the session says how many, not the exporting machine
        "aot_inductor.precompile_headers": False,  # pays from the third export on
        "aot_inductor.model_name_for_generated_files": "model",
    }
    if file.name == CUDA_FILE:
        options["aot_inductor.embed_kernel_binary"] = True  # the library alone is loaded
    try:
        # In a shared cache folder a second model of the same graph is given the first one's weights: files of one name in a folder
        # that only the generated code names.
        with torch.no_grad(), fresh_cache(), _compiling_for(march) as level:
            torch._inductor.aoti_compile_and_package(program, package_path=str(file), inductor_configs=options | level)
    except Exception as error:  # torch.compile raises errors of many kinds for a graph that it cannot take
        raise FerryError(ExitCode.FORMAT, f"AOTInductor: {type(source.module).__name__}: {first_line(error)}") from None


# Calls a compiler with another `-march=`, or none. Usage: the compiler's own.
_OTHER_LEVEL = """#!/bin/sh
for word; do
  shift
  case $word in -march=native) [ -n '{march}' ] || continue; word=-march={march} ;; esac
  set -- "$@" "$word"
done
exec {compiler} "$@"
"""


@contextlib.contextmanager
def _compiling_for(march: str) -> Iterator[dict[str, object]]:
    """Give the options that compile for a class of processors; torch below 2.13 has none, and gets a compiler that knows it."""
    from torch._inductor import config  # imports the compiler

    if hasattr(config.cpp, "march"):
        yield {"cpp.march": march}
        return
    with _compiler_for(march) as compiler:
        yield {"cpp.cxx": (str(compiler),)}


@contextlib.contextmanager
def _compiler_for(march: str) -> Iterator[Path]:
    """Give a compiler that takes `-march=native` for that class of processors."""
    compiler = shutil.which(os.environ.get("CXX", "g++")) or "g++"
    with tempfile.TemporaryDirectory(prefix="ferry-") as folder:
        named = Path(folder) / Path(compiler).name  # torch tells by its name what it is
        named.write_text(_OTHER_LEVEL.format(march=march, compiler=shlex.quote(compiler)))
        named.chmod(0o700)
        yield named
