"""The door of ONNX models, in both languages: data in other files, foreign operators, other formats in the same bytes.

Every model is sealed: its SHA-256 stands in the manifest. The C++ door is asked by itself (`ferry-door`), so that these tests
need no ONNX Runtime for C++.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from builders.bundles import reseal
from builders.programs import BUILD, Program
from hostile.refusal import assert_error, snapshot
from torchferry.engines.onnx_door import check_model
from torchferry.errors import ExitCode, FerryError

FILE = "model.onnx"
DOOR = BUILD / "tests" / "bin" / "ferry-door"
Change = Callable[[onnx.ModelProto], object]


def outside(name: str = "w") -> TensorProto:
    """A tensor whose eight bytes lie in the file `secret` of the working folder."""
    tensor = numpy_helper.from_array(np.zeros(2, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    return tensor


def inner_graph(tensor: TensorProto) -> onnx.GraphProto:
    return helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "inner", [], [], [tensor])


def add_node(model: onnx.ModelProto, **attributes: object) -> None:
    model.graph.node.append(helper.make_node("If", ["c"], ["unused"], **attributes))


def add_function(model: onnx.ModelProto, node: onnx.NodeProto, domain: str = "pkg.mine") -> None:
    model.functions.append(helper.make_function(domain, "f", ["x"], ["y"], [node], [helper.make_opsetid("", 18)]))


def constant(tensor: TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["y"], value=tensor)


def name_file_only(model: onnx.ModelProto) -> None:
    tensor = outside()
    tensor.data_location = TensorProto.DEFAULT
    model.graph.initializer.append(tensor)


def sparse(tensor: TensorProto) -> onnx.SparseTensorProto:
    return onnx.SparseTensorProto(values=tensor, indices=numpy_helper.from_array(np.zeros(1, np.int64), "i"), dims=[2])


HOSTILE: dict[str, tuple[Change, str]] = {
    "an initializer": (lambda model: model.graph.initializer.append(outside()), "'w'"),
    "a file name without the mark": (name_file_only, "another file"),
    "a weight of the model": (
        lambda model: model.graph.initializer[0].CopyFrom(outside(model.graph.initializer[0].name)),
        "file",
    ),
    "a constant": (lambda model: model.graph.node.append(constant(outside())), "another file"),
    "a list of tensors": (lambda model: add_node(model, values=[outside()]), "another file"),
    "a branch": (lambda model: add_node(model, then_branch=inner_graph(outside())), "another file"),
    "a branch in a branch": (
        lambda model: add_node(
            model,
            then_branch=helper.make_graph(
                [helper.make_node("If", ["c"], ["y"], else_branch=inner_graph(outside()))], "g", [], []
            ),
        ),
        "another file",
    ),
    "a sparse initializer": (lambda model: model.graph.sparse_initializer.append(sparse(outside())), "another file"),
    "sparse indices": (
        lambda model: model.graph.sparse_initializer.append(
            onnx.SparseTensorProto(values=numpy_helper.from_array(np.zeros(1, np.float32)), indices=outside(), dims=[2])
        ),
        "another file",
    ),
    "a function": (lambda model: add_function(model, constant(outside())), "another file"),
    "training info": (
        lambda model: model.training_info.append(onnx.TrainingInfoProto(algorithm=inner_graph(outside()))),
        "training info",
    ),
    "a foreign operator": (lambda model: model.graph.node.append(helper.make_node("X", [], ["z"], domain="evil")), "'evil'"),
    "ONNX Runtime's own operators": (
        lambda model: model.graph.node.append(helper.make_node("EPContext", [], ["z"], domain="com.microsoft")),
        "'com.microsoft'",
    ),
    "a foreign operator set": (lambda model: model.opset_import.append(helper.make_opsetid("evil", 1)), "'evil'"),
    "a function in ONNX's name": (
        lambda model: add_function(model, helper.make_node("Relu", ["x"], ["y"]), "ai.onnx"),
        "'ai.onnx'",
    ),
}
BYTES: dict[str, bytes] = {
    "nothing": b"",
    "no protobuf": b"\xff" * 64,
    "ONNX Runtime's format": b"\x12\x06xxORTM",
    "a cut message": b"\x3a\x7f\x00",
}


def write(bundle: Path, data: bytes) -> None:
    (bundle / FILE).chmod(0o644)
    (bundle / FILE).write_bytes(data)
    reseal(bundle)


def assert_both_refuse(ferry_here: Program, bundle: Path, *named: str) -> None:
    before = snapshot(bundle)
    done = ferry_here("verify", bundle, "--engine", "onnxruntime")
    assert_error(done, ExitCode.FORMAT, FILE, *named)
    sample = bundle / "golden" / "batch-1.input.measurements.npy"
    assert_error(ferry_here("predict", bundle, "--engine", "onnxruntime", "--input", sample), ExitCode.FORMAT, FILE, *named)
    in_cpp = subprocess.run([DOOR, "onnx", bundle / FILE], capture_output=True, text=True, check=False)
    assert (in_cpp.returncode, in_cpp.stderr) == (ExitCode.FORMAT, done.stderr)
    assert snapshot(bundle) == before


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_model_is_refused_in_both_languages(
    ferry_here: Program, iris: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    change, named = HOSTILE[what]
    model = onnx.load_from_string((iris / FILE).read_bytes())
    change(model)
    write(iris, model.SerializeToString())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_bytes(np.array([41, 42], np.float32).tobytes())
    assert_both_refuse(ferry_here, iris, named)


@pytest.mark.parametrize("what", BYTES)
def test_what_is_no_onnx_is_refused_in_both_languages(ferry_here: Program, iris: Path, what: str) -> None:
    write(iris, BYTES[what])
    assert_both_refuse(ferry_here, iris)


def test_weights_are_compared_without_opening_files(
    ferry_here: Program, iris: Path, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load_from_string((iris / FILE).read_bytes())
    model.graph.initializer.append(outside("module.w"))
    write(iris, model.SerializeToString())
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / "secret")  # whoever opens it hangs
    assert ferry_here("diff", iris, digits, "--engine", "onnxruntime").code != ExitCode.OK


def test_honest_models_pass_in_both_languages(reference_bundle: Path) -> None:
    check_model(FILE, (reference_bundle / FILE).read_bytes())
    assert subprocess.run([DOOR, "onnx", reference_bundle / FILE], check=False).returncode == 0


def test_mutants_get_the_same_answer_in_both_languages(iris: Path, tmp_path: Path) -> None:
    data, random = (iris / FILE).read_bytes(), np.random.default_rng(5)
    path = tmp_path / FILE
    refused = 0
    for _ in range(200):
        mutant = bytearray(data)
        for _ in range(random.integers(1, 4)):
            mutant[random.integers(min(len(mutant), 4000))] = random.integers(256)
        path.write_bytes(mutant)
        try:
            check_model(FILE, bytes(mutant))
            expected = ""
        except FerryError as error:
            expected, refused = f"error: {error}\n", refused + 1
        assert subprocess.run([DOOR, "onnx", path], capture_output=True, text=True, check=False).stderr == expected
    assert 10 < refused < 200
