"""The same program and calibration data give the same C text, byte by byte, whatever the processor, threads and hash seed."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import Subject, subject_of
from builders.networks import normal
from builders.programs import ROOT
from torchferry.cgen import generate, generate_int8

# What the libraries below us choose their kernels by, each as an old processor with one core has it.
OLD_PROCESSOR = {
    "PYTHONHASHSEED": "7",
    "OMP_NUM_THREADS": "1",
    "ATEN_CPU_CAPABILITY": "default",
    "DNNL_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "OPENBLAS_CORETYPE": "Nehalem",
    "NPY_DISABLE_CPU_FEATURES": " ".join(np.show_config(mode="dicts")["SIMD Extensions"].get("found", ())),
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F",
}


class Computed(nn.Module):
    """Weights that are computed of others: a norm per row, functions, a product of two matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.normed = nn.utils.parametrizations.weight_norm(nn.Conv1d(3, 40, 5))
        self.norm = nn.BatchNorm1d(40)
        self.left, self.right = (nn.Parameter(torch.randn(60, 60) / 8) for _ in range(2))
        self.last = nn.Linear(60, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.normed(x)))
        x = nn.functional.linear(x.mean(1), torch.tanh(self.left @ self.right.exp()).softmax(0), self.right.sum(1).sin())
        return self.last(nn.functional.gelu(x))


def texts(program: torch.export.ExportedProgram, contract: object, samples: dict[str, object]) -> str:
    """Return the SHA-256 of the files in float32 and in int8."""
    arguments: dict[str, object] = {"name": "net", "goldens": samples}
    made = [
        generate(program, contract, **arguments),  # type: ignore[arg-type]
        generate_int8(program, contract, calibration=samples, **arguments),  # type: ignore[arg-type]
    ]
    return " ".join(hashlib.sha256("".join(each.files.values()).encode()).hexdigest() for each in made)


@pytest.fixture(scope="module")
def computed() -> Subject:
    torch.manual_seed(0)
    return subject_of(Computed(), (spec("x", shape=("N", 3, 64)),), ("y",), {"x": normal(40, 3, 64)})


@pytest.mark.slow
def test_an_old_processor_writes_the_same_text(computed: Subject, tmp_path: Path) -> None:
    torch.export.save(computed.program, tmp_path / "net.pt2")
    (tmp_path / "given").write_bytes(pickle.dumps((computed.contract, computed.samples)))
    path = os.pathsep.join([str(ROOT / "python"), str(ROOT / "tests")])
    command = [sys.executable, __file__, tmp_path / "net.pt2", tmp_path / "given"]
    done = subprocess.run(
        command, env={**os.environ, **OLD_PROCESSOR, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == texts(computed.program, computed.contract, computed.samples).split()


if __name__ == "__main__":
    print(texts(torch.export.load(sys.argv[1]), *pickle.loads(Path(sys.argv[2]).read_bytes())))
