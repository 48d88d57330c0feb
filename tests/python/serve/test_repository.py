"""`ferry repository`: what it writes is a model to Triton's own schema, and to the runtimes that Triton opens it with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.programs import ROOT, Program
from builders.zoo import Zoo
from torchferry.bundle.reader import open_bundle

schema = pytest.importorskip("tritonclient.grpc.model_config_pb2", reason="tritonclient is not installed")
text_format = pytest.importorskip("google.protobuf.text_format", reason="protobuf is not installed")

DIGITS = ROOT / "exported" / "digits-mlp"
IRIS = ROOT / "exported" / "iris-adaline"
NUMPY = {"TYPE_UINT8": np.uint8, "TYPE_FP32": np.float32, "TYPE_INT64": np.int64}


def parse(path: Path) -> Any:
    return text_format.Parse(path.read_text(), schema.ModelConfig())


def write(ferry_here: Program, bundle: Path, target: Path, *options: object) -> Any:
    done = ferry_here("repository", bundle, "-o", target, *options)
    assert done.code == 0, done.stderr
    return parse(target / bundle.name / "config.pbtxt")


def tensors(specs: Any) -> dict[str, tuple[str, list[int]]]:
    return {one.name: (schema.DataType.Name(one.data_type), list(one.dims)) for one in specs}


def test_triton_reads_the_contract_of_an_onnx_model(ferry_here: Program, tmp_path: Path) -> None:
    config = write(ferry_here, DIGITS, tmp_path)
    assert (config.name, config.backend, config.platform) == ("digits-mlp", "onnxruntime", "onnxruntime_onnx")
    assert (config.default_model_filename, config.max_batch_size) == ("model.onnx", 0)
    assert tensors(config.input) == {"image": ("TYPE_UINT8", [-1, 8, 8])}
    assert tensors(config.output) == {
        "logits": ("TYPE_FP32", [-1, 10]),
        "probabilities": ("TYPE_FP32", [-1, 10]),
        "label": ("TYPE_INT64", [-1]),
    }
    assert not config.HasField("dynamic_batching")
    assert {one.name: one.label_filename for one in config.output} == {
        "logits": "labels.txt",
        "probabilities": "labels.txt",
        "label": "",
    }
    names = (tmp_path / "digits-mlp" / "labels.txt").read_text().split("\n")
    assert names == [*map(str, range(10)), ""]
    assert (tmp_path / "digits-mlp" / "1" / "model.onnx").read_bytes() == (DIGITS / "model.onnx").read_bytes()


def test_onnxruntime_opens_the_file_under_the_names_of_the_config(ferry_here: Program, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    config = write(ferry_here, DIGITS, tmp_path)
    path = tmp_path / "digits-mlp" / "1" / config.default_model_filename
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == [one.name for one in config.input]
    given = np.load(DIGITS / "golden" / "batch-64.input.image.npy")
    answers = session.run([one.name for one in config.output], {"image": given})
    for one, found in zip(config.output, answers, strict=True):
        assert found.dtype == NUMPY[schema.DataType.Name(one.data_type)]
        assert [size if dim == -1 else dim for size, dim in zip(found.shape, one.dims, strict=True)] == list(found.shape)


def test_libtorch_gets_tensors_by_their_place(ferry_here: Program, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    config = write(ferry_here, IRIS, tmp_path, "--engine", "torchscript")
    assert (config.backend, config.platform) == ("pytorch", "pytorch_libtorch")
    assert [one.name for one in config.input] == ["measurements__0"]
    assert [one.name for one in config.output] == ["net_input__0", "label__1"]
    module = torch.jit.load(str(tmp_path / "iris-adaline" / "1" / config.default_model_filename))
    found = module(torch.ones(3, 2))
    assert [str(one.dtype) for one in found] == ["torch.float32", "torch.int64"]


def test_joined_requests_have_no_batch_in_their_sizes(ferry_here: Program, tmp_path: Path) -> None:
    config = write(ferry_here, DIGITS, tmp_path, "--join", 32)
    assert config.max_batch_size == 32
    assert config.HasField("dynamic_batching")
    assert tensors(config.input) == {"image": ("TYPE_UINT8", [8, 8])}
    label = config.output[2]
    assert (list(label.dims), label.HasField("reshape"), list(label.reshape.shape)) == ([1], True, [])


def test_every_dtype_and_shape_has_its_place_in_the_schema(zoo: Zoo, ferry_here: Program, tmp_path: Path) -> None:
    bundle = zoo.bundle("mixed", "torchscript")
    assert bundle is not None
    contract = open_bundle(bundle).contract
    assert ferry_here("repository", bundle, "-o", tmp_path).code == 0
    (folder,) = (path for path in tmp_path.iterdir() if not path.name.startswith("."))
    config = parse(folder / "config.pbtxt")
    for specs, written in ((contract.inputs, config.input), (contract.outputs, config.output)):
        assert [one.name for one in written] == [f"{spec.name}__{index}" for index, spec in enumerate(specs)]
        for spec, one in zip(specs, written, strict=True):
            assert one.data_type != schema.TYPE_INVALID
            sizes = list(one.reshape.shape) if one.HasField("reshape") else list(one.dims)
            assert sizes == [dim if isinstance(dim, int) else -1 for dim in spec.shape]
    done = ferry_here("repository", bundle, "-o", tmp_path / "other", "--join", 8)
    assert (done.code, "without a batch N" in done.stderr) == (2, True), done.stderr


def test_a_second_version_goes_beside_the_first(ferry_here: Program, tmp_path: Path) -> None:
    write(ferry_here, DIGITS, tmp_path)
    again = ferry_here("repository", DIGITS, "-o", tmp_path)
    assert (again.code, "got a version that is there" in again.stderr) == (6, True), again.stderr
    write(ferry_here, DIGITS, tmp_path, "--version", 2)
    assert sorted(path.name for path in (tmp_path / "digits-mlp").iterdir()) == ["1", "2", "config.pbtxt", "labels.txt"]
    other = ferry_here("repository", DIGITS, "-o", tmp_path, "--version", 3, "--engine", "torchscript")
    assert (other.code, "got another contract or engine" in other.stderr) == (6, True), other.stderr
    assert not (tmp_path / "digits-mlp" / "3").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "eager"], "got eager, for which Triton has no backend, expected onnxruntime or torchscript"),
        (["--version", 0], "--version: got 0, expected 1 or more"),
        (["--join", -1], "--join: got -1, expected 0 or more"),
    ],
)
def test_what_triton_cannot_have_is_one_line(ferry_here: Program, tmp_path: Path, options: list[object], words: str) -> None:
    done = ferry_here("repository", IRIS, "-o", tmp_path / "models", *options)
    assert (done.code, done.stderr.count("\n"), words in done.stderr) == (2, 1, True), done.stderr
    assert not (tmp_path / "models").exists()


def test_a_broken_artifact_is_not_written(ferry_here: Program, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(DIGITS, tmp_path / "digits-mlp"))
    (bundle / "model.onnx").write_bytes((bundle / "model.onnx").read_bytes()[:-1] + b"x")
    done = ferry_here("repository", bundle, "-o", tmp_path / "models")
    assert done.code == 4, done.stderr
    assert not list((tmp_path / "models").glob("*"))
