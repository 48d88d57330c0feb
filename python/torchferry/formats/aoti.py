"""Format `aoti`: AOTInductor, which compiles the program to a shared library for one kind of machine."""

from __future__ import annotations

import os
import shutil
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
        "cpp.march": march,
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
        with torch.no_grad(), fresh_cache():
            torch._inductor.aoti_compile_and_package(program, package_path=str(file), inductor_configs=options)
    except Exception as error:  # torch.compile raises errors of many kinds for a graph that it cannot take
        raise FerryError(ExitCode.FORMAT, f"AOTInductor: {type(source.module).__name__}: {first_line(error)}") from None
