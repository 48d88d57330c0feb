"""The probe of LibTorch's kernels: a digest of the bits that they give here, now, with the switches that this process has.

cpp/engines/torchscript_probe.cpp computes the same numbers with the same calls.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@functools.cache
def kernel_probe() -> str:
    """Return 16 digits of the SHA-256 of the bits of small products, convolutions, reductions and functions, some of them by two threads too.

    Computed once in a process. Equal digits: the kernels of two processes are the same as far as the probe can see.
    """
    digest = hashlib.sha256()
    before = torch.get_num_threads()
    try:
        with torch.inference_mode():
            for threads, results in ((1, _of_each_kernel()), (2, _of_shared_work())):
                torch.set_num_threads(threads)
                for found in results:
                    digest.update(found.contiguous().numpy().tobytes())
    finally:
        torch.set_num_threads(before)
    return digest.hexdigest()[:16]


def _numbers(seed: int, *shape: int) -> Tensor:
    """Return float32 numbers in [-1, 1), which both languages make from whole numbers."""
    mixed = np.arange(math.prod(shape), dtype=np.uint32) + np.uint32(seed << 20)
    mixed *= np.uint32(2654435761)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(2246822519)
    mixed ^= mixed >> np.uint32(13)
    found = (mixed >> np.uint32(8)).astype(np.float32) / np.float32(2**23) - np.float32(1)
    return torch.from_numpy(found.reshape(shape)).clone()  # in memory that is aligned as all of torch is: MKL looks at that


def _of_each_kernel() -> Iterator[Tensor]:
    """Yield what each kernel gives, in the order of the C++ twin."""
    yield from _products()
    yield from _convolutions()
    yield from _reductions()
    yield from _functions()


def _of_shared_work() -> Iterator[Tensor]:
    """Yield results of work that two threads divide: a product and a sum."""
    yield F.linear(_numbers(4, 16, 784), _numbers(1, 100, 784), _numbers(2, 100))
    yield _numbers(30, 40, 1000).sum()


def _products() -> Iterator[Tensor]:
    weight, bias = _numbers(1, 100, 784), _numbers(2, 100)
    yield F.linear(_numbers(3, 1, 784), weight, bias)
    yield F.linear(_numbers(4, 16, 784), weight, bias)
    yield torch.matmul(_numbers(5, 4, 8, 33), _numbers(6, 4, 33, 16))
    yield F.linear(_numbers(7, 7, 64).double(), _numbers(8, 10, 64).double())
    yield F.scaled_dot_product_attention(_numbers(9, 1, 2, 16, 8), _numbers(10, 1, 2, 16, 8), _numbers(11, 1, 2, 16, 8))


def _convolutions() -> Iterator[Tensor]:
    image = _numbers(20, 1, 8, 12, 12)
    yield F.conv2d(image, _numbers(21, 16, 8, 3, 3), _numbers(22, 16), padding=1)
    yield F.conv2d(image, _numbers(23, 8, 1, 3, 3), groups=8)
    yield F.conv_transpose2d(image, _numbers(24, 8, 4, 3, 3), stride=2)


def _reductions() -> Iterator[Tensor]:
    table = _numbers(30, 40, 1000)
    yield table.sum()
    yield table.sum(0)
    yield table.mean(1)
    yield table.softmax(1)
    yield F.layer_norm(_numbers(31, 16, 100), [100])
    yield _numbers(32, 4, 1000).norm(dim=1)


def _functions() -> Iterator[Tensor]:
    x = _numbers(40, 259) * 4
    for function in (torch.exp, torch.tanh, torch.sigmoid, torch.sin, torch.erf, F.gelu):
        yield function(x)
    yield x.abs().sqrt()
    yield (x.abs() + 1).log()
    yield x.abs().pow(0.3)
    yield x.double().exp()
    yield x * 2.0**-130  # subnormal numbers
