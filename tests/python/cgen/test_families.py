"""Every operator that `--to c` promises lowers and computes what torch computes, alone and for every dtype that torch takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from builders.generated_c import Subject, load, same_bits
from builders.operator_families import FAMILIES, Operator, family, numbers, of_family
from builders.spread import spread
from torchferry.cgen import reference

# The words of the promise, each of which is an operator below.
NAMED = """
    conv1d, conv2d, conv3d, conv1d reflect, conv1d replicate, conv1d circular, conv1d same, depthwise conv1d,
    transposed conv1d, transposed conv2d, transposed conv3d, max_pool1d, max_pool2d, max_pool3d, avg_pool1d,
    avg_pool2d, avg_pool3d, adaptive avg 1d, adaptive avg 2d, adaptive avg 3d, adaptive max 1d, adaptive max 2d,
    adaptive max 3d, global average, global max, batch_norm, layer_norm, group_norm, instance_norm, rms_norm, cat,
    stack, split, chunk, unbind, slice, select, narrow, index_select, gather, embedding, embedding_bag, permute,
    transpose, expand, repeat, flip, roll, pad, sum, mean, var, std, amax, amin, prod, norm, cumsum, pow of tensors,
    sqrt, rsqrt, log, sin, cos, floor, round, trunc, remainder, minimum, maximum, logical, comparisons, prelu,
    softplus, mish, glu, logsigmoid, softsign, hardshrink, softshrink, tanhshrink, one_hot, topk, sort,
    upsample nearest, upsample bilinear, upsample bicubic, matmul, attention, causal attention, masked attention,
    lstm, gru, rnn, lstm cell, gru cell, rnn cell, stft, rfft, index_add, scatter_add, scatter
"""
UNITS = 64  # of 2^-24 (1 + the largest magnitude): sums of 24 numbers, products of 6
SAFE = ("-O2", "-fsanitize=undefined,bounds", "-fsanitize-undefined-trap-on-error")


def test_the_list_of_operators_is_closed() -> None:
    assert {word.strip() for word in NAMED.split(",")} <= {name for make in FAMILIES.values() for name in make()}


def near(subject: Subject, expected: dict[str, np.ndarray]) -> None:
    outputs = reference.run(subject.generated.graph, subject.samples)
    for spec, output in zip(subject.contract.outputs, outputs, strict=True):
        exact = expected[spec.name]
        assert output.shape == exact.shape, spec.name
        if spec.dtype != "float32":
            assert (output == exact).all(), spec.name
        else:
            assert np.abs(output - exact).max() <= UNITS * 2.0**-24 * (1 + np.abs(exact).max()), spec.name


@pytest.mark.parametrize("name", spread([name for name in FAMILIES if name != "of_new_kernels"], 3))
def test_a_family_gives_the_bits_of_its_definition_near_float64(name: str, tmp_path: Path) -> None:
    subject = family(name)
    if name == "whole_numbers":  # exact, but of a product that float64 rounds to another integer: eager itself is the reference
        near(subject, subject.float32())
        _require_bits(subject, tmp_path)
        return
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            results = subject.module.double()(torch.from_numpy(subject.samples["x"].astype(np.float64)))
    finally:
        torch.set_default_dtype(torch.float32)
        subject.module.float()
    near(subject, {spec.name: result.numpy() for spec, result in zip(subject.contract.outputs, results, strict=True)})
    _require_bits(subject, tmp_path)


def _require_bits(subject: Subject, tmp_path: Path) -> None:
    outputs = reference.run(subject.generated.graph, subject.samples)
    expected = {spec.name: output for spec, output in zip(subject.contract.outputs, outputs, strict=True)}
    for flags in (("-O0",), SAFE):
        compiled = load(subject, tmp_path, "gcc", *flags)
        assert same_bits(compiled.run(subject.samples), expected), flags
        assert compiled.selftest() == -1


@pytest.mark.parametrize("dtype", spread(["uint8", "int8", "int16", "int32", "int64", "bool"], 2))
@pytest.mark.parametrize("name", spread(["moves", "reductions", "functions"], 1))
def test_a_family_takes_every_dtype_that_torch_takes(name: str, dtype: str) -> None:
    x = torch.from_numpy(numbers(dtype))

    def taken(operator: Operator) -> bool:
        try:
            operator(x)
        except (RuntimeError, IndexError, TypeError):
            return False
        return True

    subject = of_family(name, dtype, only=taken)
    with torch.no_grad():
        results = subject.module(x)
    near(subject, {spec.name: result.numpy() for spec, result in zip(subject.contract.outputs, results, strict=True)})
