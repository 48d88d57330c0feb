"""What C cannot take is refused with one line that names the operator and its place, and nothing is returned."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import contract, spec
from builders.generated_c import subject_of
from torchferry.cgen import generate
from torchferry.cgen.generate import Limits
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import ExportSource

X = np.zeros((4, 6), np.float32)


class Of(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def refusal(module: nn.Module, samples: np.ndarray = X, name: str = "net", output: str = "y") -> FerryError:
    kind = spec("x", str(samples.dtype), ("N", *samples.shape[1:]))
    with pytest.raises(FerryError) as caught:
        subject_of(module, (kind,), (output,), {"x": samples}, name=name)
    assert "\n" not in str(caught.value)
    return caught.value


def test_an_unknown_operator_is_named_with_its_module_and_no_line_of_torch() -> None:
    error = refusal(nn.Sequential(nn.ReLU(), nn.FractionalMaxPool2d(2, output_ratio=0.5)), np.zeros((4, 1, 6, 6), np.float32))
    assert error.code == ExitCode.FORMAT
    expected = (
        r"c: 1 \(FractionalMaxPool2d\): got operator aten.fractional_max_pool2d.default, expected one of the \d+ of the doc"
    )
    assert re.match(expected, str(error))
    assert "MaxPool2d" in str(error)
    assert len(str(error)) < 300


def test_an_operator_in_the_users_own_code_is_found_by_its_line() -> None:
    error = str(refusal(Of(lambda x: torch.cumprod(x, 1))))
    assert re.match(r"c: Of at test_refusals\.py:\d+: return self\.function\(x\): got operator aten\.cumprod", error)


class Recurrent(nn.Module):
    """A module of torch that starts from zeros of its own, called from the user's code; its projection is none of C's."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.rnn = cell

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x.unsqueeze(1))[0].flatten(1)


def test_an_operator_inside_a_module_of_torch_is_reported_as_that_module_at_the_users_call() -> None:
    error = str(refusal(Recurrent(nn.LSTM(6, 4, batch_first=True, proj_size=2))))
    assert re.match(r"c: rnn \(LSTM\) at test_refusals\.py:\d+: return self\.rnn\(.*: got an LSTM with proj_size", error)


def test_a_tensor_that_the_user_makes_from_nothing_is_refused_by_its_operator() -> None:
    error = str(refusal(Of(lambda x: x + torch.rand(x.shape[0], 6))))
    assert re.match(r"c: Of at test_refusals\.py:\d+: .*: got operator aten\.rand\.default", error)


def test_a_module_that_writes_into_its_input_is_named_by_its_own_path() -> None:
    module = nn.Sequential(nn.ReLU(inplace=True), Of(torch.lgamma))
    kinds = contract((spec("x", shape=("N", 6)),), (spec("y", shape=("N", 6)),))
    program = ExportSource(module.eval(), kinds, {"x": X}).functional_program
    with pytest.raises(FerryError, match=r"^c: 1 \(Of\) at test_refusals.py:\d+: .*: got operator aten.lgamma"):
        generate(program, kinds, name="net", goldens={"x": X})


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x.flip(0), "aten.flip.default over the batch"),
        (lambda x: x.softmax(0), "over dim 0"),
        (lambda x: x.reshape(-1, 3), "samples must not mix"),
        (lambda x: x - x.mean(), "aten.mean"),
        (lambda x: x.unsqueeze(1) - x.unsqueeze(0), "samples must not mix"),
        (lambda x: x.double(), "float64"),
        (lambda x: x[x.argmax(1)], "samples must not mix"),
        (lambda x: torch.fft.fft(x).angle(), "aten.angle"),
        (lambda x: x.scatter(0, x.to(torch.int64), 1.0), "aten.scatter.value over the batch"),
    ],
)
def test_other_graphs_are_refused(function: Callable[[Tensor], Tensor], words: str) -> None:
    assert words in str(refusal(Of(function)))


def test_inputs_of_float64_are_refused() -> None:
    error = refusal(Of(lambda x: x.to(torch.float32)), np.zeros((4, 6), np.float64))
    assert error.code == ExitCode.FORMAT
    assert "x: dtype: got float64, expected one of float32, uint8, int8" in str(error)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_refused_by_name_and_index(value: float) -> None:
    module = nn.Sequential(nn.Linear(6, 3))
    module[0].weight.data[1, 2] = value
    error = refusal(module)
    assert error.code == ExitCode.BAD_INPUT
    assert "0.weight: element [1, 2]" in str(error)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: torch.addmm(torch.ones(6), x, torch.eye(6), beta=2), "alpha 1 and beta 2"),
        (lambda x: torch.addmm(torch.ones(6), x, torch.eye(6), alpha=3), "alpha 3 and beta 1"),
        (
            lambda x: torch.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, False),
            "operator aten._native_batch_norm_legit.no_stats",
        ),
    ],
)
def test_a_form_of_a_layer_that_c_does_not_have_is_refused(function: Callable[[Tensor], Tensor], words: str) -> None:
    assert words in str(refusal(Of(function)))


@pytest.mark.parametrize("name", ["int", "class", "9lives", "a__b", "with space", "x" * 65, "café", "_net"])
def test_names_that_are_no_c_identifiers_are_refused(name: str) -> None:
    error = refusal(nn.Linear(6, 2), name=name)
    assert error.code == ExitCode.FORMAT
    assert "expected a C identifier" in str(error)


@pytest.mark.parametrize("output", ["double", "new", "NULL"])
def test_outputs_named_like_keywords_are_refused(output: str) -> None:
    assert "expected a C identifier" in str(refusal(nn.Linear(6, 2), output=output))


def test_a_dash_or_dot_in_a_bundles_name_becomes_an_underscore() -> None:
    subject = subject_of(nn.Linear(6, 2), (spec("x", shape=("N", 6)),), ("y",), {"x": X}, name="mnist-mlp.v2")
    assert "int mnist_mlp_v2_run(" in subject.generated.files["model.h"]


def test_tables_above_the_limit_are_refused() -> None:
    module, kinds = nn.Linear(6, 100).eval(), contract((spec("x", shape=("N", 6)),), (spec("y", shape=("N", 100)),))
    program = ExportSource(module, kinds, {"x": X}).program
    with pytest.raises(FerryError, match="tables: got 2800 bytes, expected at most 2799") as caught:
        generate(program, kinds, name="net", goldens={"x": X}, limits=Limits(tables=2799))
    assert caught.value.code == ExitCode.BAD_INPUT
    assert generate(program, kinds, name="net", goldens={"x": X}, limits=Limits(tables=2800)).table_bytes == 2800


def test_a_workspace_above_the_limit_is_refused_and_its_layer_named() -> None:
    module = nn.Sequential(nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 50), nn.ReLU(), nn.Linear(50, 3)).eval()
    kinds = contract((spec("x", shape=("N", 6)),), (spec("y", shape=("N", 3)),))
    program = ExportSource(module, kinds, {"x": X}).program
    expected = r"c: workspace: got 280 bytes, most in layer 2 \(2: Linear 20 -> 50, relu\), expected at most 279; raise --max-ram"
    with pytest.raises(FerryError, match=expected) as caught:
        generate(program, kinds, name="net", goldens={"x": X}, limits=Limits(workspace=279))
    assert caught.value.code == ExitCode.BAD_INPUT
    made = generate(program, kinds, name="net", goldens={"x": X}, limits=Limits(workspace=280))
    assert "#define NET_WORKSPACE_BYTES 280u /* as layer 2 needs */" in made.files["model.h"]


def test_constant_vectors_of_elementwise_operators_count() -> None:
    class Vectors(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("k", torch.linspace(1, 2, 50_000))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.k + x

    shape, samples = ("N", 50_000), np.ones((4, 50_000), np.float32)
    kinds = contract((spec("x", shape=shape),), (spec("y", shape=shape),))
    program = ExportSource(Vectors().eval(), kinds, {"x": samples}).program
    with pytest.raises(FerryError, match="tables: got 200000 bytes, expected at most 199999"):
        generate(program, kinds, name="net", goldens={"x": samples}, limits=Limits(tables=199_999))


def test_a_dynamic_dim_beside_the_batch_is_refused() -> None:
    kinds = contract((spec("x", shape=("N", "T")),), (spec("y", shape=("N", "T")),))
    program = ExportSource(nn.ReLU().eval(), kinds, {"x": X}).program
    with pytest.raises(FerryError, match="x: shape: got float32"):
        generate(program, kinds, name="net", goldens={"x": X})


def test_a_module_in_train_mode_is_refused() -> None:
    module, kinds = (
        nn.Sequential(nn.Linear(6, 6), nn.Dropout()),
        contract((spec("x", shape=("N", 6)),), (spec("y", shape=("N", 6)),)),
    )
    program = ExportSource(module.train(), kinds, {"x": X}).program
    with pytest.raises(FerryError, match=r"dropout|bernoulli"):
        generate(program, kinds, name="net", goldens={"x": X})
