"""What each exporter writes and says of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import torchferry
from builders.contracts import contract, doubling, spec
from builders.models import Doubling, doubling_inputs
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.exporter import print_note, write_artifact
from torchferry.formats import onnx as onnx_format
from torchferry.formats import program, registry, torchscript
from torchferry.intake.source import ExportSource, first_line


@pytest.fixture
def source() -> ExportSource:
    return ExportSource(Doubling().eval(), doubling(), doubling_inputs().arrays)


@pytest.mark.parametrize("name", ["torchscript", "onnx", "export"])
def test_an_artifact_lists_the_file_that_was_written(source: ExportSource, tmp_path: Path, name: str) -> None:
    row = registry.formats()[name]
    artifact = write_artifact(row, source, tmp_path, print_note)
    assert (artifact.format, artifact.engine) == (name, row.engine)
    assert artifact.files[0].bytes == (tmp_path / artifact.files[0].path).stat().st_size
    assert torch.__version__ in artifact.producer


def test_onnx_has_the_contracts_names_a_free_batch_and_no_paths_of_this_machine(source: ExportSource, tmp_path: Path) -> None:
    artifact = onnx_format.export(source, tmp_path)
    model = onnx.load(tmp_path / "model.onnx")
    assert [value.name for value in model.graph.input] == ["x"]
    assert [value.name for value in model.graph.output] == ["y", "label"]
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param
    assert artifact.requires == {"ir_version": str(model.ir_version), "opset": str(model.opset_import[0].version)}
    assert str(Path.cwd()).encode() not in (tmp_path / "model.onnx").read_bytes()


class Strided(torch.nn.Module):
    """Uses an operator that may read beyond its tensor."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.as_strided((2,), (1,))


def test_torchscript_writes_an_operator_that_may_do_more_than_compute_only_where_it_is_allowed(tmp_path: Path) -> None:
    given = contract((spec("x", shape=(1, 2)),), (spec("y", shape=(2,)),))
    inputs = {"x": np.ones((1, 2), np.float32)}
    with pytest.raises(FerryError, match="got operator aten::as_strided, expected one that only computes") as caught:
        torchscript.export(ExportSource(Strided().eval(), given, inputs), tmp_path)
    assert caught.value.code == ExitCode.FORMAT
    written = torchscript.export(
        ExportSource(Strided().eval(), given, inputs, allow_ops=frozenset({"aten::as_strided"})), tmp_path
    )
    assert written.requires == {"operators": "aten::as_strided"}


def test_exporters_print_nothing(source: ExportSource, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for export in (torchscript.export, onnx_format.export, program.export):
        export(source, tmp_path)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_the_program_is_made_once_with_the_batch_free(source: ExportSource) -> None:
    assert source.program is source.program
    placeholders = [node for node in source.program.graph.nodes if node.op == "placeholder" and "val" in node.meta]
    shape = placeholders[-1].meta["val"].shape
    assert not isinstance(shape[0], int)
    assert shape[1] == 2


def test_the_first_line_that_says_something_is_kept() -> None:
    assert first_line(ValueError("\n  one\ntwo")) == "one"
    assert first_line(ValueError("")) == "ValueError"
    assert len(first_line(ValueError("x" * 1000))) == 300


@pytest.mark.slow
def test_a_second_model_of_the_same_graph_is_compiled_with_its_own_weights(tmp_path: Path) -> None:
    """torch 2.13 takes those of the first from its cache where both have one file name; the exporter would refuse that."""
    inputs = {"x": np.random.default_rng(0).normal(size=(5, 20)).astype(np.float32)}
    for seed in (0, 1):
        torch.manual_seed(seed)
        module = torch.nn.Sequential(torch.nn.Linear(20, 7), torch.nn.Sigmoid(), torch.nn.Linear(7, 3)).eval()
        out = tmp_path / f"seed-{seed}"
        torchferry.export(module, inputs={"x": "float32[N,20]"}, outputs=["y"], golden=inputs, to=["aoti"], out=out)
        assert (out / "model.pt2").is_file()
