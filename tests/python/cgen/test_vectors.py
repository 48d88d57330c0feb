"""Plain -O3 makes vectors of the loops that matter, with each compiler: read off the machine code, since times prove nothing here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from torch import Tensor, nn

from builders.contracts import spec
from builders.generated_c import COMPILERS, quantized, run_tool, subject_of, write
from builders.networks import dense, normal
from torchferry.cgen import kernels

PACKED_DIVISION = re.compile(r"\bvdivps\b")  # of the sigmoids; the network has no other division


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("hidden", [20, 100], ids=["one sample at a time", "four samples at once"])
def test_an_activation_after_a_product_is_computed_in_vectors(compiler: str, hidden: int, tmp_path: Path) -> None:
    source = write(dense(64, hidden, 10, activation=nn.Sigmoid).generated, tmp_path)
    run_tool(compiler, "-O3", "-march=x86-64-v3", "-c", "-o", tmp_path / "model.o", source)
    assert PACKED_DIVISION.search(run_tool("objdump", "-d", tmp_path / "model.o").stdout)


class Steps(nn.Module):
    """What a recurrent layer gives at each step."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("scheme", ["float32", "int8"])
@pytest.mark.parametrize(("kind", "functions"), [(nn.GRU, 3), (nn.LSTM, 5)])
def test_the_gates_of_a_recurrent_layer_are_computed_in_vectors(
    kind: type[nn.Module], functions: int, scheme: str, compiler: str, tmp_path: Path
) -> None:
    """clang left them element by element where the loop stood in the layer's function: 21 us in place of 5."""
    samples = {"x": normal(9, 4, 64)}
    subject = subject_of(Steps(kind(64, 64, batch_first=True)), (spec("x", shape=("N", 4, 64)),), ("y",), samples)
    source = write((quantized(subject) if scheme == "int8" else subject).generated, tmp_path)
    run_tool(compiler, "-O3", "-march=x86-64-v3", "-c", "-o", tmp_path / "model.o", source)
    assert len(PACKED_DIVISION.findall(run_tool("objdump", "-d", tmp_path / "model.o").stdout)) >= functions


# A call of each kernel, and an instruction that only its vectors have, or that only the processor's own root is.
ROWS = {
    "reduce_sum": ("y[0] = model_reduce_sum(640, 1, x)", r"\bvaddps\b.*ymm"),
    "reduce_squares": ("y[0] = model_reduce_squares(640, 1, x, y[0])", r"\bvmulps\b.*ymm"),
    "largest": ("y[0] = model_largest(640, x)", r"\bv(max|cmp\w*)ps\b.*ymm"),
    "softmax": ("model_softmax(64, x, y)", r"\bvpslld\b.*ymm"),
    "log_softmax": ("model_log_softmax(64, x, y)", r"\bvpslld\b.*ymm"),
    "sqrt": ("y[0] = model_sqrt(x[0])", r"\bvsqrtss\b"),
}


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_computed_in_vectors(name: str, compiler: str, tmp_path: Path) -> None:
    """A sum of 4096 took 17 us element by element, and a root of 25 bits, bit by bit, half of a layer norm."""
    call, packed = ROWS[name]
    signature = "void apply(const float *restrict x, float *restrict y)"
    source = tmp_path / "call.c"
    source.write_text(f'#include "{name}.c"\n{signature};\n{signature} {{ {call}; }}\n')
    folder = Path(kernels.__file__).parent
    run_tool(compiler, "-O3", "-march=x86-64-v3", "-I", folder, "-c", "-o", tmp_path / "call.o", source)
    assert re.search(packed, run_tool("objdump", "-d", tmp_path / "call.o").stdout)
