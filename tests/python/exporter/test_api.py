"""`torchferry.export`: what it finds out by itself about a user's module, and that the bundle tells the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from builders.contracts import spec
from builders.modules import MODULES, Several
from builders.spread import spread
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle
from torchferry.engines import Session
from torchferry.errors import ExitCode, FerryError

GRID = np.linspace(-1, 1, 24, dtype=np.float32).reshape(6, 4)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "bundle"


def export(module: nn.Module, out: Path, **options: object) -> Bundle:
    given = {"inputs": {"x": "float32[N,4]"}, "golden": GRID, "to": ("export",), **options}
    bundle: Bundle = torchferry.export(module.eval(), out=out, **given)
    return bundle


def problem(module: nn.Module, out: Path, **options: object) -> tuple[ExitCode, str]:
    with pytest.raises(FerryError) as caught:
        export(module, out, **options)
    assert not out.exists()
    return caught.value.code, str(caught.value)


def test_an_output_name_that_no_manifest_allows_is_refused(out: Path) -> None:
    code, text = problem(nn.Linear(4, 2), out, outputs=["a b"])
    assert (code, "\n" in text) == (ExitCode.USAGE, False)
    assert "output a b" in text
    assert "a name of letters" in text


def test_a_function_is_no_module(tmp_path: Path) -> None:
    with pytest.raises(FerryError) as caught:
        torchferry.export(torch.relu, inputs={"x": "float32[N,4]"}, out=tmp_path / "b")  # type: ignore[arg-type]
    assert (caught.value.code, "expected a torch.nn.Module" in str(caught.value)) == (ExitCode.USAGE, True)


@pytest.mark.parametrize("name", spread(MODULES, 3))
def test_a_users_module_becomes_a_bundle_whose_engines_agree(name: str, out: Path) -> None:
    sample = MODULES[name]
    module = sample.module()
    bundle = torchferry.export(module, inputs=sample.inputs, outputs=sample.outputs, out=out, note=lambda _: None)
    assert [spec.name for spec in bundle.contract.outputs] == list(sample.outputs)
    assert {"onnxruntime", "torchscript"} <= {artifact.engine for artifact in bundle.manifest.artifacts}
    assert bundle.manifest.golden.source == "synthetic"
    case = read_case(bundle, bundle.manifest.golden.cases[-1])
    row = bundle.manifest.tolerance(engine="onnxruntime", device="cpu", output=sample.outputs[0], numerics="")
    actual = Session(bundle, "onnxruntime", threads=2).run(case.inputs)[sample.outputs[0]]
    assert row is not None
    assert np.abs(actual - case.float64[sample.outputs[0]]).max() <= row.bound


class Shapes(nn.Module):
    """Outputs of every form that a shape can take."""

    def forward(self, x: Tensor, weights: Tensor) -> dict[str, Tensor]:
        mixed = x @ weights
        return {"same": x + 1, "sum": mixed.sum(2), "rows": mixed.mean(1), "total": weights.sum(), "counts": (x > 0).sum((1, 2))}


def test_dtypes_and_symbolic_shapes_are_found(out: Path) -> None:
    bundle = export(Shapes(), out, inputs={"x": "float32[N,T,4]", "weights": "float32[4,2]"}, golden=None)
    found = {spec.name: spec.describe() for spec in bundle.contract.outputs}
    assert found == {
        "same": "float32[N,T,4]",
        "sum": "float32[N,T]",
        "rows": "float32[N,2]",
        "total": "float32[]",
        "counts": "int64[N]",
    }
    assert bundle.contract.symbols["T"].min == 1
    assert [case.name for case in bundle.manifest.golden.cases][:3] == ["batch-64", "batch-1", "other-sizes"]


class Nested(nn.Module):
    """A tuple in a tuple, as nn.LSTM returns."""

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        return 2 * x, (x.sum(1), x.argmax(1))


def test_nested_results_are_laid_out_flat_in_every_format(out: Path) -> None:
    bundle = export(Nested(), out, outputs=["twice", "sum", "best"], to=("torchscript", "onnx"))
    for artifact in bundle.manifest.artifacts:
        outputs = Session(bundle, artifact.engine).run({"x": GRID})
        assert np.array_equal(outputs["twice"], 2 * GRID)
        assert np.array_equal(outputs["best"], GRID.argmax(1))


def test_names_come_from_the_module_where_none_are_given(out: Path) -> None:
    bundle = export(Several(), out, inputs={"a": "float32[N,5]", "b": "float32[N,5]"}, golden=None)
    assert [spec.name for spec in bundle.contract.outputs] == ["score", "positive", "rank"]


def test_examples_stand_for_specs(out: Path) -> None:
    bundle = export(nn.Linear(4, 2), out, inputs={"x": torch.zeros(3, 4)})
    assert bundle.contract.inputs[0].describe() == "float32[N,4]"


def test_real_goldens_are_kept_and_called_real(out: Path) -> None:
    bundle = export(nn.Linear(4, 2), out, golden={"x": GRID}, description="six points")
    golden = bundle.manifest.golden
    assert (golden.source, golden.description) == ("real", "six points")
    assert np.array_equal(read_case(bundle, golden.cases[0]).inputs["x"], GRID)


def test_synthetic_goldens_are_seeded_and_inside_their_range(tmp_path: Path) -> None:
    spec = {"tokens": "int64[N,5]:3..7"}
    files = []
    for index, seed in enumerate((0, 0, 1)):
        bundle = export(nn.Embedding(8, 2), tmp_path / str(index), inputs=spec, golden=None, seed=seed)
        files.append(read_case(bundle, bundle.manifest.golden.cases[0]).inputs["tokens"])
    assert np.array_equal(files[0], files[1])
    assert not np.array_equal(files[0], files[2])
    assert set(np.unique(files[0])) == {3, 4, 5, 6, 7}


class Halve(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


def test_preprocessing_is_part_of_every_artifact(out: Path) -> None:
    bundle = export(nn.Linear(4, 2), out, preprocess=Halve(), to=("torchscript", "onnx"))
    plain = nn.Linear(4, 2)
    whole = Session(bundle, "torchscript").run({"x": GRID})["output"]
    assert whole.shape == (6, 2)
    two = export(plain, out.with_name("two"), inputs={"x": "float32[N,4]"}, preprocess={"x": Halve()}, to=("torchscript",))
    with torch.inference_mode():
        expected = plain(torch.from_numpy(GRID) / 2).numpy()
    assert np.array_equal(Session(two, "torchscript").run({"x": GRID})["output"], expected)


def test_class_names_go_to_the_label(out: Path) -> None:
    bundle = export(Nested(), out, outputs=["twice", "sum", "label"], classes=["a", "b", "c", "d"])
    assert bundle.contract.classes is not None
    assert bundle.contract.classes.output == "label"


def test_limits_of_symbols_stand_in_the_contract(out: Path) -> None:
    bundle = export(nn.Linear(4, 2), out, inputs={"x": "float32[N,T,4]"}, symbols={"T": "2..9"}, golden=None)
    assert (bundle.contract.symbols["T"].min, bundle.contract.symbols["T"].max) == (2, 9)


class Labelled(nn.Module):
    """Three logits, and the class of the largest."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        logits = x[:, :3] * torch.tensor([1.0, -1.0, 0.5])
        return {"logits": logits, "label": logits.argmax(1)}


class Counted(nn.Module):
    """Classes that are the largest of nothing."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"twice": x + x, "label": torch.full_like(x[:, 0], 4).to(torch.int64)}


class Strided(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x[:, ::2]


@pytest.mark.parametrize(
    ("module", "options", "code", "words"),
    [
        (nn.Linear(4, 2), {"inputs": {"x": "float33[N,4]"}}, ExitCode.USAGE, "float33"),
        (nn.Linear(4, 2), {"inputs": {"x": "float32 N,4"}}, ExitCode.USAGE, "DTYPE[DIM,...]"),
        (nn.Linear(4, 2), {"inputs": {"x": "float32[4,N]"}}, ExitCode.USAGE, "expected the batch symbol N as first dim"),
        (nn.Linear(4, 2), {"inputs": {"x": "float32[N,4]:3..1"}}, ExitCode.USAGE, "got a minimum above the maximum"),
        (nn.Linear(4, 2), {"inputs": {"bad name": "float32[N,4]"}}, ExitCode.USAGE, "bad name"),
        (nn.Linear(4, 2), {"inputs": {}}, ExitCode.USAGE, "at least one"),
        (nn.Linear(4, 2), {"symbols": {"T": "1..2"}}, ExitCode.USAGE, "'T'"),
        (nn.Linear(4, 2), {"symbols": {"N": "many"}}, ExitCode.USAGE, "MIN..MAX"),
        (nn.Linear(4, 2), {"to": ("tflite",)}, ExitCode.USAGE, "tflite"),
        (nn.Linear(4, 2), {"to": "onnx,aoti"}, ExitCode.USAGE, "expected a list"),
        (nn.Linear(4, 2), {"outputs": ["a", "b"]}, ExitCode.USAGE, "got 2 names"),
        (Nested(), {"outputs": ["a", "b", "a"]}, ExitCode.USAGE, "'a' twice"),
        (Several(), {"inputs": {"a": "float32[N,5]", "b": "float32[N,5]"}, "golden": GRID}, ExitCode.USAGE, "one for each of"),
        (nn.Linear(4, 2), {"classes": ["a", "b"]}, ExitCode.USAGE, "classes.output"),
        (
            Labelled(),
            {"classes": ["a", "b"]},
            ExitCode.BAD_INPUT,
            "classes: got 2 names, expected 3: label is the largest of 3 logits",
        ),
        (Labelled(), {"classes": ["a", "b", "c", "d"]}, ExitCode.BAD_INPUT, "classes: got 4 names, expected 3"),
        (
            Counted(),
            {"classes": ["a", "b"], "golden": GRID},
            ExitCode.BAD_INPUT,
            "label: got class 4, expected 0 to 1, which have",
        ),
        (nn.Linear(4, 2), {"preprocess": {"y": Halve()}}, ExitCode.USAGE, "'y'"),
        (nn.Linear(4, 2), {"golden": np.zeros((6, 3), np.float32)}, ExitCode.BAD_INPUT, "golden: input x"),
        (nn.Linear(4, 2), {"golden": GRID.astype(np.float64)}, ExitCode.BAD_INPUT, "dtype: got float64"),
        (nn.Linear(4, 2), {"golden": GRID[:1]}, ExitCode.BAD_INPUT, "at least 2 samples"),
        (nn.Linear(4, 2), {"golden": np.full((6, 4), np.nan, np.float32)}, ExitCode.BAD_INPUT, "finite"),
        (nn.Linear(3, 2), {}, ExitCode.BAD_INPUT, "Linear: the golden inputs"),
        (Strided(), {"inputs": {"x": "float32[N,T]"}, "golden": None}, ExitCode.BAD_INPUT, "dim 1: got 6 with N = 64, T = 11"),
    ],
)
def test_what_makes_no_sense_is_one_clear_line(
    module: nn.Module, options: dict[str, object], code: ExitCode, words: str, out: Path
) -> None:
    found, text = problem(module, out, **options)
    assert found == code
    assert words in text
    assert "\n" not in text


def test_an_output_spec_is_held_to_what_the_module_gives(out: Path) -> None:
    wrong = torchferry.bundle.contract.TensorSpec(
        name="y", dtype="float32", shape=("N", 3), range=None, unit=None, allow_nonfinite=False
    )
    code, text = problem(nn.Linear(4, 2), out, outputs=[wrong])
    assert code == ExitCode.BAD_INPUT
    assert "got float32[N,2] from the module, expected float32[N,3]" in text


@pytest.mark.parametrize(
    ("promised", "wanted"),
    [
        ({"range": (0.0, 9.0), "unit": "mm"}, None),
        (
            {"range": (0.5, 9.0)},
            "output y: element [0, 0]: got 0 from the module, expected 0.5 to 9; correct the module or its contract",
        ),
        ({"range": (0.0, 5.0)}, "got 8 from the module, expected 0 to 5"),
    ],
)
def test_what_is_promised_of_an_output_is_kept_and_held(out: Path, promised: dict[str, object], wanted: str | None) -> None:
    """The module gives 0 to 8; only the second golden case has the 8."""
    cases = [np.array([[0], [1], [2]], np.float32), np.array([[8], [7]], np.float32)]
    given: dict[str, object] = {"inputs": {"x": "float32[N,1]"}, "golden": cases}
    wish = spec("y", "float32", ("N", 1), **promised)
    if wanted is not None:
        code, text = problem(nn.ReLU(), out, outputs=[wish], **given)
        assert (code, wanted in text) == (ExitCode.BAD_INPUT, True), text
        return
    bundle = torchferry.export(nn.ReLU().eval(), outputs=[wish], out=out, to=["onnx"], stress=False, **given)
    assert bundle.contract.output("y") == wish
