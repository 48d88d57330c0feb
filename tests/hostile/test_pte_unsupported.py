"""What ExecuTorch can write and this project does not run is refused at the door of the .pte, in both languages and words: quantized
tensors, data in other files, shapes without a limit. Exported by ExecuTorch where it can, else changed by its own writer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from builders.bundles import reseal
from builders.programs import Program
from builders.pte import edited
from builders.spread import spread
from builders.zoo import Zoo
from hostile.refusal import assert_error
from hostile.test_pte_door import FILE, in_cpp, in_python
from torchferry.errors import ExitCode

Make = Callable[[bytes], bytes]


def _exported() -> Any:
    return torch.export.export(nn.Sequential(nn.Linear(4, 4), nn.ReLU()).eval(), (torch.rand(1, 4),))


def external(_: bytes) -> bytes:
    """Export a program whose weights lie in a file beside it."""
    from executorch.exir import ExecutorchBackendConfig, to_edge

    written = to_edge(_exported()).to_executorch(ExecutorchBackendConfig(external_constants=True))
    return bytes(written.buffer)


def quantized(_: bytes) -> bytes:
    """Export a program that XNNPACK computes in integers of 8 bits."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
    from executorch.exir import to_edge_transform_and_lower
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    prepared = prepare_pt2e(_exported().module(), XNNPACKQuantizer().set_global(get_symmetric_quantization_config()))
    prepared(torch.rand(1, 4))
    program = torch.export.export(convert_pt2e(prepared), (torch.rand(1, 4),))
    return bytes(to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch().buffer)


def with_tensor(name: str, value: str, enumeration: str) -> Make:
    """Change a field of the first tensor to a member of an enumeration of ExecuTorch's schema."""

    def make(program: bytes) -> bytes:
        from executorch.exir import schema

        def change(values: list[Any]) -> None:
            tensor = next(value for value in values if isinstance(value, schema.Tensor))
            setattr(tensor, name, getattr(schema, enumeration)[value])

        return edited(program, change)

    return make


def _extra(**fields: object) -> Make:
    def make(program: bytes) -> bytes:
        from executorch.exir import schema

        def change(values: list[Any]) -> None:
            tensor = next(value for value in values if isinstance(value, schema.Tensor))
            tensor.extra_tensor_info = schema.ExtraTensorInfo(fully_qualified_name="weight", **fields)

        return edited(program, change)

    return make


UNSUPPORTED: dict[str, tuple[Make, str]] = {
    "weights in another file": (external, "got a tensor that lies outside the program"),
    "a tensor of another file": (_extra(location=1), "got a tensor that lies outside the program"),
    "a quantized delegate": (quantized, "got a delegate with quantized values"),
    "a tensor of QInt8": (with_tensor("scalar_type", "QINT8", "ScalarType"), "got a tensor of type 12"),
    "a tensor of QUInt8": (with_tensor("scalar_type", "QUINT8", "ScalarType"), "got a tensor of type 13"),
    "a tensor of QInt32": (with_tensor("scalar_type", "QINT32", "ScalarType"), "got a tensor of type 14"),
    "a tensor of QUInt4x2": (with_tensor("scalar_type", "QUINT4x2", "ScalarType"), "got a tensor of type 16"),
    "a shape without a limit": (
        with_tensor("shape_dynamism", "DYNAMIC_UNBOUND", "TensorShapeDynamism"),
        "got a tensor of another layout",
    ),
}


@pytest.fixture(scope="module")
def honest(zoo: Zoo) -> Path:
    found = zoo.bundle("classifier", "executorch")
    if found is None:
        pytest.skip("ExecuTorch is not installed: pip install 'torchferry[executorch]'")
    return found


@pytest.mark.parametrize("what", spread(UNSUPPORTED, 2))
def test_what_is_not_supported_is_refused_in_both_languages(
    ferry_here: Program, ferry_run: Program, honest: Path, tmp_path: Path, what: str
) -> None:
    make, reason = UNSUPPORTED[what]
    bundle = Path(shutil.copytree(honest, tmp_path / "bundle"))
    (bundle / FILE).write_bytes(make((bundle / FILE).read_bytes()))
    reseal(bundle)
    assert reason in in_python((bundle / FILE).read_bytes())
    assert in_cpp(bundle / FILE) == in_python((bundle / FILE).read_bytes())
    for program in (ferry_here, ferry_run):
        assert_error(program("verify", bundle, "--engine", "executorch"), ExitCode.FORMAT, FILE, reason)


def test_writing_a_program_again_changes_nothing_that_a_door_sees(ferry_run: Program, honest: Path, tmp_path: Path) -> None:
    """The refusals above are none of ExecuTorch's writer."""
    bundle = Path(shutil.copytree(honest, tmp_path / "bundle"))
    (bundle / FILE).write_bytes(edited((bundle / FILE).read_bytes(), lambda _: None))
    reseal(bundle)
    assert ferry_run("verify", bundle, "--engine", "executorch").code == ExitCode.OK
