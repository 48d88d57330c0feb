"""ATen operators -> nodes. An operator that is not in LOWERINGS is refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
import torch.fx

from torchferry.cgen.builder import Builder, first_result, sample_shape
from torchferry.cgen.ir import Argmax, Constant, Doubles, Operand, Softmax, Value
from torchferry.cgen.refusal import module_path, refuse

SUPPORTED = (
    "Linear, ReLU, LeakyReLU, sigmoid, tanh, GELU, SiLU, ELU, SELU, CELU, hard variants, clamp, threshold, softmax, log_softmax, argmax, "
    "add, sub, mul, div, comparisons, where, Flatten, reshape, squeeze, BatchNorm1d and Dropout in eval mode"
)
IGNORED = frozenset({"aten._assert_tensor_metadata.default", "aten.sym_size.int", "aten._assert_scalar.default"})
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

Lowering = Callable[[Builder, torch.fx.Node], Value]


def arguments(node: torch.fx.Node) -> dict[str, Any]:
    """The node's arguments by name, with the operator's defaults."""
    schema = node.target._schema  # type: ignore[union-attr]
    values = {argument.name: argument.default_value for argument in schema.arguments if argument.has_default_value()}
    values.update({argument.name: value for argument, value in zip(schema.arguments, node.args, strict=False)})
    values.update(node.kwargs)
    return values


def _number(value: float) -> Constant:
    return Constant(np.asarray(np.float32(value), dtype=np.float64))


def _dtype(node: torch.fx.Node) -> str:
    return str(first_result(node).dtype).removeprefix("torch.")


def _require_dtype(node: torch.fx.Node, *allowed: str) -> str:
    dtype = _dtype(node)
    if dtype not in allowed:
        raise refuse(node, f"dtype {dtype} of {node.target}", " or ".join(allowed))
    return dtype


def _view(builder: Builder, node: torch.fx.Node) -> Value:
    sample_shape(node)
    return builder.value(node, node.args[0])


def _dropout(builder: Builder, node: torch.fx.Node) -> Value:
    if arguments(node)["train"]:
        raise refuse(node, f"{node.target} in train mode", "eval mode (module.eval())")
    return builder.value(node, node.args[0])


def _item(builder: Builder, node: torch.fx.Node) -> Value:
    if node.args[1] != 0:
        raise refuse(node, f"result {node.args[1]} of an operator", "its first result only")
    return builder.value(node, node.args[0])


def _linear(builder: Builder, node: torch.fx.Node) -> Value:
    given = arguments(node)
    weight = builder.numbers(node, given["weight"])
    return _product(builder, node, given["input"], weight, given.get("bias"))


def _addmm(builder: Builder, node: torch.fx.Node) -> Value:
    given = arguments(node)
    if (given["alpha"], given["beta"]) != (1, 1):
        raise refuse(node, f"alpha {given['alpha']} and beta {given['beta']}", "1 and 1")
    return _product(builder, node, given["mat1"], builder.numbers(node, given["mat2"]).T, given["self"])


def _matmul(builder: Builder, node: torch.fx.Node) -> Value:
    x, matrix = node.args
    weight = builder.numbers(node, matrix)
    if weight.ndim > 2:
        raise refuse(node, f"a matrix product with a constant of rank {weight.ndim}", "rank 1 or 2")
    return _product(builder, node, x, weight.T if weight.ndim == 2 else weight[None, :], None)


def _product(builder: Builder, node: torch.fx.Node, x: object, weight: Doubles, bias: object) -> Value:
    _require_dtype(node, "float32")
    value = builder.value(node, x)
    shift = np.zeros(len(weight)) if bias is None else builder.numbers(node, bias).reshape(-1)
    return builder.linear(node, value, weight, np.broadcast_to(shift, len(weight)).copy())


def _batch_norm(builder: Builder, node: torch.fx.Node) -> Value:
    """((x - mean) * (weight / sqrt(var + eps))) + bias, over features [N, features] or channels [N, channels, length]."""
    given = arguments(node)
    if given.get("training"):
        raise refuse(node, "batch norm in train mode", "eval mode (module.eval())")
    shape = sample_shape(node)
    if len(shape) > 2:
        raise refuse(node, f"batch norm over a sample of shape {list(shape)}", "BatchNorm1d")

    def spread(name: str, missing: float) -> Doubles:
        array = np.full(shape[0], missing) if given[name] is None else builder.numbers(node, given[name])
        return np.repeat(array, math.prod(shape[1:]))

    scale = spread("weight", 1.0) / np.sqrt(spread("running_var", 1.0) + given["eps"])
    centred = builder.map(
        node, "sub", builder.as_float(node, builder.value(node, node.args[0])), Constant(spread("running_mean", 0.0))
    )
    scaled = builder.map(node, "mul", centred, Constant(scale))
    return builder.map(node, "add", scaled, Constant(spread("bias", 0.0)))


def _unary(operator: str, *names: str) -> Lowering:
    """An operator on one float value; `names` are arguments that become constants."""

    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        _require_dtype(node, "float32")
        given = arguments(node)
        x = builder.as_float(node, builder.value(node, node.args[0]))
        return builder.map(node, operator, x, *(_number(given[name]) for name in names))

    return lower


def _gelu(builder: Builder, node: torch.fx.Node) -> Value:
    return _unary("gelu_tanh" if arguments(node)["approximate"] == "tanh" else "gelu")(builder, node)


def _elu(builder: Builder, node: torch.fx.Node, *, alpha: float, scale: float, inner: float) -> Value:
    _require_dtype(node, "float32")
    x = builder.value(node, node.args[0])
    return builder.map(node, "elu", x, _number(alpha * scale), _number(scale), _number(inner))


def _plain_elu(builder: Builder, node: torch.fx.Node) -> Value:
    given = arguments(node)
    return _elu(builder, node, alpha=given["alpha"], scale=given["scale"], inner=given["input_scale"])


def _selu(builder: Builder, node: torch.fx.Node) -> Value:
    return _elu(builder, node, alpha=SELU_ALPHA, scale=SELU_SCALE, inner=1.0)


def _celu(builder: Builder, node: torch.fx.Node) -> Value:
    alpha = arguments(node)["alpha"]
    return _elu(builder, node, alpha=alpha, scale=1.0, inner=1.0 / alpha)


def _clamp(builder: Builder, node: torch.fx.Node) -> Value:
    _require_dtype(node, "float32")
    given = arguments(node)
    x, low, high = builder.value(node, node.args[0]), given.get("min"), given.get("max")
    for limit in (low, high):
        if isinstance(limit, torch.fx.Node):
            raise refuse(node, "clamp with a tensor as limit", "numbers")
    if low is not None and high is not None:
        return builder.map(node, "clamp", x, _number(low), _number(high))
    limit, operator = (high, "clamp_max") if low is None else (low, "clamp_min")
    return builder.map(node, operator, x, _number(cast(float, limit)))


def _relu6(builder: Builder, node: torch.fx.Node) -> Value:
    return builder.map(node, "clamp", builder.value(node, node.args[0]), _number(0.0), _number(6.0))


def _hard_sigmoid(builder: Builder, node: torch.fx.Node) -> Value:
    """min(max(x + 3, 0), 6) / 6."""
    shifted = builder.map(node, "add", builder.value(node, node.args[0]), _number(3.0))
    return builder.map(node, "div", builder.map(node, "clamp", shifted, _number(0.0), _number(6.0)), _number(6.0))


def _hard_swish(builder: Builder, node: torch.fx.Node) -> Value:
    """x min(max(x + 3, 0), 6) / 6."""
    x = builder.value(node, node.args[0])
    gate = builder.map(node, "clamp", builder.map(node, "add", x, _number(3.0)), _number(0.0), _number(6.0))
    return builder.map(node, "div", builder.map(node, "mul", x, gate), _number(6.0))


def _arithmetic(operator: str, *, swapped: bool = False) -> Lowering:
    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        dtype = _require_dtype(node, *(("float32",) if operator == "div" else ("float32", "int64")))
        given = arguments(node)
        if given.get("alpha", 1) != 1:
            raise refuse(node, f"alpha {given['alpha']} of {node.target}", "1")
        if given.get("rounding_mode") is not None:
            raise refuse(node, f"rounding mode {given['rounding_mode']} of {node.target}", "none")
        operands = _operands(builder, node, dtype, node.args[:2])
        return builder.map(node, operator, *(reversed(operands) if swapped else operands), dtype=dtype)

    return lower


def _operands(builder: Builder, node: torch.fx.Node, dtype: str, given: Any) -> list[Operand]:
    """Both operands in one dtype. A uint8 or bool meets a float32 as float32; integers meet integers as they are."""
    operands = [builder.operand(node, argument, sample_shape(node)) for argument in given]
    for index, operand in enumerate(operands):
        if isinstance(operand, Value) and operand.dtype != dtype:
            if dtype != "float32":
                raise refuse(node, f"{operand.dtype} where {node.target} gives {dtype}", f"{dtype} on both sides")
            operands[index] = builder.as_float(node, operand)
    return operands


def _reciprocal(builder: Builder, node: torch.fx.Node) -> Value:
    _require_dtype(node, "float32")
    return builder.map(node, "div", _number(1.0), builder.as_float(node, builder.value(node, node.args[0])))


def _compare(operator: str) -> Lowering:
    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        values = [builder.values[argument] for argument in node.all_input_nodes if argument in builder.values]
        dtype = "int64" if all(value.dtype == "int64" for value in values) else "float32"
        if any(value.dtype == "int64" for value in values) and dtype != "int64":
            raise refuse(node, f"{node.target} between int64 and float32", "one dtype on both sides")
        return builder.map(node, operator, *_operands(builder, node, dtype, node.args[:2]), dtype="bool")

    return lower


def _where(builder: Builder, node: torch.fx.Node) -> Value:
    dtype = _require_dtype(node, "float32", "int64")
    condition = builder.value(node, node.args[0])
    operator = "where" if dtype == "float32" else f"where_{dtype}"
    return builder.map(node, operator, condition, *_operands(builder, node, dtype, node.args[1:3]), dtype=dtype)


def _convert(builder: Builder, node: torch.fx.Node) -> Value:
    value, dtype = builder.value(node, node.args[0]), _dtype(node)
    if value.dtype == dtype:
        return value
    if dtype == "float32":
        return builder.as_float(node, value)
    if dtype == "int64" and value.dtype in ("bool", "uint8"):
        return builder.map(node, "int64", value, dtype="int64")
    raise refuse(node, f"a conversion from {value.dtype} to {dtype}", "to float32, or from bool to int64")


def _softmax(*, logarithm: bool) -> Lowering:
    def lower(builder: Builder, node: torch.fx.Node) -> Value:
        _require_dtype(node, "float32")
        x, width = builder.as_float(node, builder.value(node, node.args[0])), _last_dim(node, arguments(node)["dim"])
        output = Value(node.name, sample_shape(node), "float32")
        builder.nodes.append(Softmax(x, width, logarithm, output, module_path(node)))
        return output

    return lower


def _argmax(builder: Builder, node: torch.fx.Node) -> Value:
    source = node.args[0]
    x, width = builder.value(node, source), _last_dim(node, arguments(node)["dim"], source)
    if x.dtype != "float32":
        raise refuse(node, f"argmax of {x.dtype}", "float32")
    output = Value(node.name, sample_shape(node), "int64")
    builder.nodes.append(Argmax(x, width, output, module_path(node)))
    return output


def _last_dim(node: torch.fx.Node, dim: Any, source: Any = None) -> int:
    """The width of the reduced dim, which must be the last one and not the batch."""
    shape = sample_shape(source if source is not None else node)
    if not shape or dim not in (-1, len(shape)):
        raise refuse(node, f"{node.target} over dim {dim}", "the last dim")
    return shape[-1]


def _table() -> dict[str, Lowering]:
    table: dict[str, Lowering] = {
        "aten.linear.default": _linear,
        "aten.addmm.default": _addmm,
        "aten.mm.default": _matmul,
        "aten.matmul.default": _matmul,
        "aten.batch_norm.default": _batch_norm,
        "aten._native_batch_norm_legit_no_training.default": _batch_norm,
        "<built-in function getitem>": _item,
        "aten.dropout.default": _dropout,
        "aten.alpha_dropout.default": _dropout,
        "aten.feature_dropout.default": _dropout,
        "aten.relu.default": _unary("relu"),
        "aten.relu6.default": _relu6,
        "aten.leaky_relu.default": _unary("leaky_relu", "negative_slope"),
        "aten.sigmoid.default": _unary("sigmoid"),
        "aten.tanh.default": _unary("tanh"),
        "aten.gelu.default": _gelu,
        "aten.silu.default": _unary("silu"),
        "aten.elu.default": _plain_elu,
        "aten.selu.default": _selu,
        "aten.celu.default": _celu,
        "aten.hardtanh.default": _unary("clamp", "min_val", "max_val"),
        "aten.hardsigmoid.default": _hard_sigmoid,
        "aten.hardswish.default": _hard_swish,
        "aten.clamp.default": _clamp,
        "aten.clamp_min.default": _clamp,
        "aten.clamp_max.default": _clamp,
        "aten.threshold.default": _unary("threshold", "threshold", "value"),
        "aten.neg.default": _unary("neg"),
        "aten.abs.default": _unary("abs"),
        "aten.exp.default": _unary("exp"),
        "aten.reciprocal.default": _reciprocal,
        "aten.rsub.Scalar": _arithmetic("sub", swapped=True),
        "aten.rsub.Tensor": _arithmetic("sub", swapped=True),
        "aten.where.self": _where,
        "aten.where.ScalarSelf": _where,
        "aten.where.ScalarOther": _where,
        "aten.where.Scalar": _where,
        "aten.to.dtype": _convert,
        "aten._to_copy.default": _convert,
        "aten.type_as.default": _convert,
        "aten.softmax.int": _softmax(logarithm=False),
        "aten._softmax.default": _softmax(logarithm=False),
        "aten.log_softmax.int": _softmax(logarithm=True),
        "aten._log_softmax.default": _softmax(logarithm=True),
        "aten.argmax.default": _argmax,
    }
    for name in ("view", "reshape", "unsqueeze", "_unsafe_view", "contiguous", "clone", "detach", "alias", "lift_fresh_copy"):
        table[f"aten.{name}.default"] = _view
    for name in ("flatten.using_ints", "squeeze.default", "squeeze.dim", "squeeze.dims", "unflatten.int"):
        table[f"aten.{name}"] = _view
    for name in ("add", "sub", "mul", "div"):
        table |= {f"aten.{name}.{kind}": _arithmetic(name) for kind in ("Tensor", "Scalar")}
    for name in ("gt", "ge", "lt", "le", "eq", "ne"):
        table |= {f"aten.{name}.{kind}": _compare(name) for kind in ("Tensor", "Scalar")}
    table |= {"aten.div.Tensor_mode": _arithmetic("div"), "aten.div.Scalar_mode": _arithmetic("div")}
    return table


LOWERINGS = _table()
