"""Generated C as something to call: compiled with the strict warnings into a shared object, called through ctypes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.export import ExportedProgram

from builders.contracts import contract, spec
from torchferry.bundle.contract import Classes, Contract, TensorSpec
from torchferry.cgen import Generated, generate, generate_int8
from torchferry.intake.source import ExportSource

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
COMPILERS = tuple(compiler for compiler in ("gcc", "clang") if shutil.which(compiler))
Array = NDArray[Any]


def contract_of(
    module: nn.Module, inputs: tuple[TensorSpec, ...], names: tuple[str, ...], classes: Classes | None = None
) -> Contract:
    """The contract of a module, from what it returns for two samples."""
    with torch.no_grad():
        results = module(*(torch.zeros(2, *s.shape[1:], dtype=getattr(torch, s.dtype)) for s in inputs))
    results = results if isinstance(results, tuple) else (results,)
    outputs = tuple(
        spec(n, str(r.dtype).removeprefix("torch."), ("N", *r.shape[1:])) for n, r in zip(names, results, strict=True)
    )
    return contract(inputs, outputs, classes=classes)


@dataclass(frozen=True, eq=False)
class Subject:
    """A module with its contract, example inputs, exported program and generated C."""

    module: nn.Module
    contract: Contract
    samples: dict[str, Array]
    program: ExportedProgram
    generated: Generated

    def float32(self) -> dict[str, Array]:
        return self._eager(self.module.float())

    def float64(self) -> dict[str, Array]:
        try:
            return self._eager(self.module.double())
        finally:
            self.module.float()

    def _eager(self, module: nn.Module) -> dict[str, Array]:
        dtype = next(module.parameters()).dtype if list(module.parameters()) else torch.float32
        tensors = [torch.from_numpy(a.copy()) for a in self.samples.values()]
        with torch.no_grad():
            results = module(*(t.to(dtype) if t.is_floating_point() else t for t in tensors))
        results = results if isinstance(results, tuple) else (results,)
        return {s.name: r.numpy() for s, r in zip(self.contract.outputs, results, strict=True)}


def subject_of(
    module: nn.Module,
    inputs: tuple[TensorSpec, ...],
    names: tuple[str, ...],
    samples: dict[str, Array],
    *,
    name: str = "net",
    classes: Classes | None = None,
) -> Subject:
    """Export and generate."""
    module.eval()
    promised = contract_of(module, inputs, names, classes)
    program = ExportSource(module, promised, {key: array[:4] for key, array in samples.items()}).program
    return Subject(module, promised, samples, program, generate(program, promised, name=name, goldens=samples))


@cache
def quantized(subject: Subject, name: str | None = None) -> Subject:
    """The same module in int8, calibrated on the subject's samples."""
    made = generate_int8(
        subject.program,
        subject.contract,
        name=name or subject.generated.prefix,
        goldens=subject.samples,
        calibration=subject.samples,
    )
    return replace(subject, generated=made)


def struct_dtype(specs: tuple[TensorSpec, ...]) -> np.dtype[Any]:
    """The C struct as NumPy sees it, with the C compiler's padding."""
    return np.dtype([(s.name, "uint8" if s.dtype == "bool" else s.dtype, s.shape[1:]) for s in specs], align=True)


def address(array: Array | None, offset: int = 0) -> ctypes.c_void_p:
    """A pointer to an array's bytes; None: NULL."""
    return ctypes.c_void_p(None if array is None else array.ctypes.data + offset)


@dataclass(frozen=True)
class Compiled:
    """A loaded model. `run` takes arrays [N, ...] by name, one call per sample or one for the whole batch."""

    library: ctypes.CDLL
    prefix: str
    contract: Contract

    def function(self, name: str) -> Any:
        return getattr(self.library, f"{self.prefix}_{name}")

    def pack(self, arrays: dict[str, Array]) -> Array:
        packed = np.zeros(len(next(iter(arrays.values()))), struct_dtype(self.contract.inputs))
        for name, array in arrays.items():
            packed[name] = array
        return packed

    def empty(self, count: int) -> Array:
        return np.zeros(count, struct_dtype(self.contract.outputs))

    def unpack(self, outputs: Array) -> dict[str, Array]:
        return {s.name: np.ascontiguousarray(outputs[s.name]).astype(s.dtype) for s in self.contract.outputs}

    def run(self, arrays: dict[str, Array], *, batch: bool = False) -> dict[str, Array]:
        packed = self.pack(arrays)
        outputs = self.empty(len(packed))
        if batch:
            assert self.function("run_batch")(address(packed), address(outputs), ctypes.c_size_t(len(packed)), None) == 0
        else:
            for i in range(len(packed)):
                assert self.function("run")(address(packed[i:]), address(outputs[i:])) == 0
        return self.unpack(outputs)

    def selftest(self) -> int:
        return int(self.function("selftest")())


def write(generated: Generated, folder: Path) -> Path:
    """The files in `folder`; returns the C file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in generated.files.items():
        (folder / name).write_text(text)
    return folder / next(name for name in generated.files if name.endswith(".c"))


def run_tool(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A compiler or program; what it says becomes the failure."""
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[:4000]}"
    )
    return done


def load(subject: Subject, folder: Path, compiler: str = "gcc", *flags: str) -> Compiled:
    """Compile with the strict warnings and load."""
    return _compiled([subject], write(subject.generated, folder), compiler, flags)[0]


def load_together(subjects: Sequence[Subject], folder: Path, compiler: str, *flags: str) -> list[Compiled]:
    """Compile subjects of different names as one file: the headers of the intrinsics take longer than a small model."""
    sources = [write(subject.generated, folder / subject.generated.prefix) for subject in subjects]
    together = folder / "all.c"
    together.write_text("".join(f'#include "{source.relative_to(folder)}"\n' for source in sources))
    return _compiled(subjects, together, compiler, flags)


def _compiled(subjects: Sequence[Subject], source: Path, compiler: str, flags: tuple[str, ...]) -> list[Compiled]:
    library = source.parent / f"{compiler}{''.join(flags)}.so".replace("/", "_")
    run_tool(compiler, *WARNINGS, *(flags or ("-O3",)), "-shared", "-fPIC", "-o", library, source)
    loaded = ctypes.CDLL(str(library))
    return [Compiled(loaded, subject.generated.prefix, subject.contract) for subject in subjects]


def same_bits(actual: dict[str, Array], expected: dict[str, Array]) -> bool:
    """Equal bytes of every output."""
    assert set(actual) == set(expected)
    return all(actual[name].tobytes() == expected[name].tobytes() for name in expected)


# Inputs and outputs in heap blocks of exactly their size, so that one byte too far is found.
DRIVER = """\
#include <stdlib.h>
#include <string.h>
#include "model.h"
int main(void) {
  if (NAME_selftest() != -1) return 1;
  for (size_t count = 1; count <= 9; ++count) {
    NAME_input *in = malloc(count * sizeof *in);
    NAME_output *out = malloc(count * sizeof *out);
    for (size_t i = 0; i < count * sizeof *in; ++i) ((unsigned char *)in)[i] = (unsigned char)(i % 7 < count ? 0 : 63 - i % 3);
    if (NAME_run_batch(in, out, count, NULL) != 0) return 2;
    unsigned char *bytes = (unsigned char *)out, sum = 0;
    for (size_t i = 0; i < count * sizeof *out; ++i) sum = (unsigned char)(sum + bytes[i]);
    NAME_workspace *workspace = malloc(sizeof *workspace);
    if (NAME_run_with(in, out, workspace) != 0 || sum == 77) free(NULL);
    free(workspace);
    free(in);
    free(out);
  }
  return 0;
}
"""


def write_drivers(subjects: Sequence[Subject], folder: Path) -> Path:
    """Write one program that does what DRIVER does for each of the subjects, whose names differ; returns its C file."""
    prefixes = [subject.generated.prefix for subject in subjects]
    parts = []
    for prefix, subject in zip(prefixes, subjects, strict=True):
        source = write(subject.generated, folder / prefix)
        driver = DRIVER.replace("model.h", f"{prefix}/model.h").replace("main(", "NAME_main(").replace("NAME", prefix)
        parts.append(f'#include "{source.relative_to(folder)}"\nint {prefix}_main(void);\n{driver}')
    calls = " || ".join(f"{prefix}_main() != 0" for prefix in prefixes)
    (folder / "main.c").write_text("".join(parts) + f"int main(void) {{ return {calls}; }}\n")
    return folder / "main.c"
