"""float16 and bfloat16 for runtimes that lack a sound kernel: operators between conversions to float32 and back.

That is what eager computes: it adds in float32 and rounds each operator's result once. ExecuTorch's kernels of the operators named here
round every partial sum instead: 4,096 products of 0.5 come to 128 in bfloat16, where 2,048 is right (measured with ExecuTorch 1.5); no
bound of rounded results covers that. ONNX Runtime has no kernels for bfloat16 on a CPU, but for conversions and moves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node
from torch.utils import _pytree

from torchferry.errors import ExitCode, FerryError
from torchferry.intake.halves import is_half, name_of, tensors_in
from torchferry.intake.source import decomposed


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SUMS = _words(
    "linear addmm baddbmm addmv conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution avg_pool1d avg_pool2d "
    "avg_pool3d cumsum layer_norm native_layer_norm group_norm native_group_norm batch_norm _native_batch_norm_legit_no_training instance_norm var std"
)
"""As torch.export writes those that ExecuTorch rounds at every step."""
COARSE = _words(
    "linear addmm baddbmm addmv convolution avg_pool1d avg_pool2d avg_pool3d cumsum native_layer_norm native_group_norm native_batch_norm "
    "_native_batch_norm_legit _native_batch_norm_legit_no_training var var_mean std prod norm linalg_vector_norm"
)
"""As ExecuTorch calls them: what is left of them rounds at every step."""
MOVES = _words(
    "_to_copy to view reshape _unsafe_view permute transpose t squeeze unsqueeze expand clone contiguous alias detach detach_ lift_fresh_copy "
    "slice select cat stack split split_with_sizes chunk unbind flatten unflatten dropout sym_size _assert_tensor_metadata type_as"
)
"""They compute nothing, in any precision."""
PASSES = 3
_AUTOCAST = "wrap_with_autocast"  # a graph inside the graph


def with_wide_sums(program: ExportedProgram) -> ExportedProgram:
    """Return the program with sums in half precision computed in float32; itself where it has none."""
    return _in_float32(program, lambda node: _name(node) in SUMS and bool(_halves(node)))


def without_bfloat16(program: ExportedProgram) -> ExportedProgram:
    """Return the program with every operator on bfloat16 computed in float32; itself where it has none."""
    bfloat16 = name_of(torch.bfloat16)
    return _in_float32(program, lambda node: _name(node) not in MOVES and bfloat16 in _halves(node))


def require_wide_sums(lowered: ExportedProgram) -> None:
    """Require that no operator of ExecuTorch's program rounds partial sums to half precision. Raises FerryError(FORMAT)."""
    for node in lowered.graph.nodes:
        if _name(node) in COARSE and (halves := _halves(node)):
            raise FerryError(
                ExitCode.FORMAT,
                f"executorch: operator {_name(node)}: got it in {halves[0]}, expected float32: ExecuTorch's kernel rounds every partial sum to "
                f"{halves[0]}; compute that layer in float32, or leave executorch out of --to",
            )


def _in_float32(program: ExportedProgram, is_meant: Callable[[Node], bool]) -> ExportedProgram:
    """Put the operators that are meant between conversions; again where torch has made them of others (batch_norm)."""
    if any(str(node.target) == _AUTOCAST for node in program.graph.nodes):
        program = decomposed(program, {})  # its conversions are operators then
    for _ in range(PASSES):
        nodes = [node for node in program.graph.nodes if isinstance(node.target, torch._ops.OpOverload) and is_meant(node)]
        if not nodes:
            break
        program = decomposed(program, {node.target: _between(node.target) for node in nodes})
    return program


def has_halves(program: ExportedProgram) -> bool:
    """Say whether a value of the program is in half precision."""
    return any(_halves(node) or str(node.target) == _AUTOCAST for node in program.graph.nodes)


def _name(node: Node) -> str:
    """Return `addmm` of `aten.addmm.default`, which torch and ExecuTorch write in two ways."""
    text = str(node.target)
    parts = str(getattr(node.target, "__name__", text) if text.startswith("<") else text).split(".")
    return parts[-2] if len(parts) > 1 else parts[0]


def _halves(node: Node) -> list[str]:
    """Return the half precisions among an operator's arguments and results."""
    values = [node.meta.get("val"), *(item.meta.get("val") for item in node.all_input_nodes)]
    return [name_of(tensor.dtype) for tensor in tensors_in(values) if is_half(tensor.dtype)]


def _between(operator: Callable[..., Any]) -> Callable[..., Any]:
    """Return the operator between conversions: floats of its result, of any shape, get the precision that torch gives them."""

    def wide(*args: Any, **kwargs: Any) -> Any:
        tensors = tensors_in(list(args))
        if not any(is_half(tensor.dtype) for tensor in tensors):
            return NotImplemented  # it stays one operator
        floats = [tensor.dtype for tensor in tensors if tensor.is_floating_point()]
        dtype = floats[0] if all(is_half(item) for item in floats) else None
        given, named = _pytree.tree_map(lambda item: item.float() if _is_half_tensor(item) else item, (args, kwargs))
        made = operator(*given, **named)
        return _pytree.tree_map(lambda item: item.to(dtype) if dtype and _is_float(item) else item, made)

    return wide


def _is_half_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor) and is_half(value.dtype)


def _is_float(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()
