"""Format `onnx`: the exporter that stands on torch.export, then the ONNX checker.

Where torch.export cannot take the module (control flow that depends on data, an LSTM over a free number of steps), PyTorch's older
exporter writes the ONNX form of its TorchScript, which has loops.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import torch

from torchferry.bundle.contract import Array
from torchferry.bundle.manifest import Artifact
from torchferry.engines.onnx_door import check_model
from torchferry.errors import ExitCode, FerryError
from torchferry.formats.halves import without_bfloat16
from torchferry.formats.onnx_names import given_names, take_contract_names
from torchferry.formats.torchscript import compile_module
from torchferry.formats.whole_reductions import with_named_dims
from torchferry.intake.framing import framed, leaves
from torchferry.intake.quiet import quiet
from torchferry.intake.scripted import own_copy
from torchferry.intake.source import ExportSource, Written, first_line

FILE = "model.onnx"
OPSET = 20  # the newest that the older exporter writes
MODULE_NAMES = "pkg.torch.onnx.name_scopes"  # beside a node: the modules around it, by which `ferry diff` finds layers


def export(source: ExportSource, folder: Path) -> Written:
    """Write model.onnx. Raises FerryError(FORMAT) where an operator has no ONNX form."""
    try:
        with quiet():
            model, how = _model(source)
        take_contract_names(model, source.contract)
        _strip_provenance(model)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, folder / FILE)
    except FerryError:
        raise
    except Exception as error:  # torch.onnx and onnx raise errors of many kinds for a graph that they cannot take
        raise FerryError(ExitCode.FORMAT, f"torch.onnx: {type(source.module).__name__}: {first_line(_root(error))}") from None
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return Written(
        (FILE,),
        producer=f"torch {torch.__version__}, onnx {onnx.__version__}{how}",
        requires={"ir_version": str(model.ir_version), "opset": str(opset)},
    )


def weights(artifact: Artifact, data: bytes, allow_ops: Collection[str]) -> dict[str, Array]:
    """Return the initializers that have a name of the state_dict, in their own shapes. Raises FerryError(FORMAT)."""
    del allow_ops  # of TorchScript
    check_model(artifact.files[0].path, data)  # onnx.numpy_helper opens the files that a tensor names
    graph = onnx.load_from_string(data).graph
    named = (tensor for tensor in graph.initializer if "." in tensor.name)  # others are constants that the exporter has made
    return {tensor.name: _without_halves(onnx.numpy_helper.to_array(tensor)) for tensor in named}


def _without_halves(array: Array) -> Array:
    """Return float16 and bfloat16 of any shape as float32, which holds their numbers."""
    return array.astype(np.float32) if array.dtype.name in ("float16", "bfloat16") else array


def _root(error: BaseException) -> BaseException:
    """torch.onnx wraps what went wrong in advice on how to report it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _model(source: ExportSource) -> tuple[onnx.ModelProto, str]:
    """Return the model, and for `producer` how it was made."""
    try:
        program = source.program
    except FerryError as error:
        return _from_torchscript(source, str(error)), ", from TorchScript"
    sound = with_named_dims(without_bfloat16(program))
    written = torch.onnx.export(sound, dynamo=True, verbose=False, **given_names(source.contract))
    if written is None:
        raise RuntimeError("torch.onnx.export gave no program")
    return written.model_proto, ""


def _from_torchscript(source: ExportSource, problem: str) -> onnx.ModelProto:
    examples = source.example_tensors
    with torch.no_grad():
        paths = [leaf.path for leaf in leaves(source.module(*examples))]
    flat = framed(source.module, [spec.name for spec in source.contract.inputs], None, paths) if paths != [()] else source.module
    names = given_names(source.contract)
    specs = zip((*names["input_names"], *names["output_names"]), (*source.contract.inputs, *source.contract.outputs), strict=True)
    axes = {name: {axis: dim for axis, dim in enumerate(spec.shape) if isinstance(dim, str)} for name, spec in specs}
    stream = io.BytesIO()
    try:
        compiled = own_copy(compile_module(flat, examples)[0])
        options = {"dynamo": False, "dynamic_axes": axes, "opset_version": OPSET, **names}
        with _without_its_log():
            torch.onnx.export(compiled, examples, stream, **options)  # type: ignore[arg-type]  # this exporter takes streams too
    except Exception as error:  # as above
        raise FerryError(ExitCode.FORMAT, f"{problem}; and its TorchScript: torch.onnx: {first_line(error)}") from None
    return onnx.load_from_string(stream.getvalue())


@contextmanager
def _without_its_log() -> Iterator[None]:
    """Let torch print nothing: on stdout it shows the graph of a module that it does not take, whatever `verbose` says."""
    log = torch._C._jit_onnx_log
    torch._C._jit_onnx_log = lambda *_: None
    try:
        yield
    finally:
        torch._C._jit_onnx_log = log


def _strip_provenance(model: onnx.ModelProto) -> None:
    """Drop stack traces: they name files of the exporting machine and are larger than a small model."""
    for node in model.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key == MODULE_NAMES]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
        node.doc_string = ""
    del model.graph.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer):
        del value.metadata_props[:]
