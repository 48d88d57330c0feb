"""The operators that a torch.export program of a bundle may call.

torch looks a target up as a path of attributes under `torch`, `math` or `operator`, so that any function of torch could be
named there. Here a program may call aten's operators on tensors, a list of others, and nothing else.
"""

from __future__ import annotations

import re
from typing import Any

import torch

_ATEN = re.compile(r"torch\.ops\.aten\.([A-Za-z_][A-Za-z0-9_]*)\.([A-Za-z][A-Za-z0-9_]*)")
_OTHERS = frozenset(
    [
        f"_operator.{name}"
        for name in [
            "add",
            "sub",
            "mul",
            "floordiv",
            "truediv",
            "mod",
            "neg",
            "pos",
            "eq",
            "ne",
            "le",
            "ge",
            "lt",
            "gt",
            "and_",
            "or_",
        ]
    ]
    + [f"torch.sym_{name}" for name in ["not", "int", "float", "ite", "max", "min", "sqrt"]]
    + [f"torch.ops.higher_order.{name}" for name in ("cond", "wrap_with_set_grad_enabled", "wrap_with_autocast")]
    + ["math.trunc"]
)
# Operators with a leading underscore are inner ones, some of which trust their arguments: each stands here by name.
_INNER = frozenset(
    [
        "__and__",
        "__or__",
        "__xor__",
        "__lshift__",
        "__rshift__",
        "_adaptive_avg_pool2d",
        "_adaptive_avg_pool3d",
        "_assert_async",
        "_assert_scalar",
        "_assert_tensor_metadata",
        "_batch_norm_no_update",
        "_cdist_forward",
        "_conj",
        "_log_softmax",
        "_native_batch_norm_legit",
        "_native_batch_norm_legit_no_training",
        "_scaled_dot_product_attention_math",
        "_scaled_dot_product_flash_attention_for_cpu",
        "_shape_as_tensor",
        "_softmax",
        "_to_copy",
        "_trilinear",
        "_unsafe_view",
        "_upsample_bicubic2d_aa",
        "_upsample_bilinear2d_aa",
        "_upsample_nearest_exact1d",
        "_upsample_nearest_exact2d",
        "_upsample_nearest_exact3d",
        "_weight_norm",
        "_weight_norm_interface",
    ]
)
# Operators that return no tensor and are needed for sizes and assertions.
_WITHOUT_TENSOR = frozenset(
    [
        "sym_size",
        "sym_numel",
        "sym_stride",
        "item",
        "sym_constrain_range",
        "sym_constrain_range_for_size",
        "_assert_async",
        "_assert_scalar",
        "_assert_tensor_metadata",
    ]
)
# Operators that open files, trade storages, leave the memory of their tensor, trust indexes, or are of training only.
_REFUSED = re.compile(
    r"from_file|save|set_?|set_data|data|as_strided\w*|resize\w*|\w*unsafe\w*|\w*storage\w*|record_stream|pin_memory|"
    r"\w*sparse\w*|\w*copy_from\w*|\w*nested\w*|\w*(?:mkldnn|cudnn|miopen|mps|cuda)\w*|q_\w+|\w*quantize\w*|\w*_backward\w*|backward|"
    r"\w*_loss\w*|get_gradients|grad|dict|fused_\w+|choose_qparams\w*|(?:col_|row_|ccol_|crow_)?indices(?:_copy)?|values(?:_copy)?|int_repr|embedding_bag|"
    r"embedding_renorm_?|segment_reduce|fbgemm\w*|to_padded_tensor|retain_grad|requires_grad_"
)
_OVERLOADS_REFUSED = re.compile(r"out|\w*_out|grad_input|names?\w*|Dimname\w*|source\w*|generator\w*")
_PLAIN_TYPES = re.compile(
    r"(Optional\[|List\[)*(Tensor|int|float|bool|number|complex|str|Device|Generator|SymInt|SymBool|Layout|MemoryFormat|ScalarType)\]*"
)


def check_target(target: str) -> None:
    """Check an operator by its name. Raises ValueError for one that no program of a bundle may call."""
    if target in _OTHERS:
        return
    found = _ATEN.fullmatch(target)
    if found is None:
        raise ValueError(f"got a call of {target[:80]!r}, expected an operator of torch.ops.aten")
    name, overload = found.groups()
    if name not in _INNER and (name.startswith("_") or _REFUSED.fullmatch(name) or _OVERLOADS_REFUSED.fullmatch(overload)):
        raise ValueError(f"got a call of {target[:80]!r}, expected operators that keep to their tensors and touch no file")
    packet = getattr(torch.ops.aten, name, None)
    if packet is None or overload not in packet.overloads():
        raise ValueError(f"got a call of {target[:80]!r}, expected an operator of torch {torch.__version__}")
    if not _works_on_tensors(name, getattr(packet, overload)._schema):
        raise ValueError(f"got a call of {target[:80]!r}, expected an operator from tensors and numbers to tensors")


def _works_on_tensors(name: str, schema: Any) -> bool:
    """TorchScript's own functions (`aten::save(t item, str filename)`) are operators of aten too."""
    has_plain_arguments = all(_PLAIN_TYPES.fullmatch(str(argument.type)) for argument in schema.arguments)
    returned = [str(value.type) for value in schema.returns]
    return has_plain_arguments and (name in _WITHOUT_TENSOR or any("Tensor" in kind for kind in returned))
