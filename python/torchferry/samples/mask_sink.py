"""`--output mask.png`: the class of each pixel as a picture. The C++ twin is cpp/cli/mask_output.cpp."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.contract import Array, Classes, Contract, TensorSpec
from torchferry.bundle.dtype import size_of
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.png_encoder import LONGEST_SIDE, png_bytes

_MOST_IN_BYTE = 255  # more need 16 bits, and have no palette


@dataclass(frozen=True)
class Mask:
    """How one output becomes a picture: whole numbers [N,H,W], or scores [N,C,H,W] of classes.

    `classes` name the values, if any do; `depth` is the bits of a pixel, 8 or 16. Without a batch there is no N.
    """

    name: str
    is_batched: bool
    has_scores: bool
    classes: Classes | None
    depth: int

    def png(self, output: Array, where: str) -> bytes:
        """Return one sample [1,H,W] or [1,C,H,W] as a PNG file; `where` names the file. Raises FerryError(USAGE or MISMATCH)."""
        sample = output[0] if self.is_batched else output
        sides = sample.shape[-2:]
        if not all(1 <= side <= LONGEST_SIDE for side in sides):
            got = f"got {sides[0]} x {sides[1]} pixels, expected 1 to {LONGEST_SIDE} on each side"
            raise FerryError(ExitCode.USAGE, f"{where}: {self.name}: {got}; write .npy")
        values = self._best(sample, where) if self.has_scores else sample.astype(np.int64)
        self._check(values, where)
        return png_bytes(values.astype(np.uint8 if self.depth == 8 else np.uint16), self._palette())

    def _best(self, scores: Array, where: str) -> NDArray[np.int64]:
        """Return the class with the highest of scores [C,H,W], of equal ones the first."""
        if np.isnan(scores).any():
            raise FerryError(ExitCode.USAGE, f"{where}: {self.name}: got nan as a score, expected numbers; write .npy")
        best: NDArray[np.int64] = np.argmax(scores, axis=0)
        return best

    def _check(self, values: NDArray[np.int64], where: str) -> None:
        """Require a name of each value, where there are names, and a level of the file."""
        problem = None if self.classes is None else self.classes.problem(values)
        if problem is not None:
            raise FerryError(
                ExitCode.MISMATCH, f"{where}: {self.name}: {problem}; the artifact breaks the contract, export again"
            )
        most = 2**self.depth - 1
        wrong = values[(values < 0) | (values > most)]
        if wrong.size:
            raise FerryError(
                ExitCode.USAGE, f"{where}: {self.name}: got the value {wrong[0]}, expected 0 to {most} in this .png; write .npy"
            )

    def _palette(self) -> bytes:
        """Return the colours of the classes; none where nothing names the values, or there are too many."""
        count = 0 if self.classes is None else len(self.classes.names)
        return b"".join(map(_colour, range(count))) if count - 1 <= _MOST_IN_BYTE else b""


def mask_of(contract: Contract, name: str) -> Mask:
    """Return how the output of that name becomes a picture, as the contract alone says. Raises FerryError(USAGE) for no mask."""
    spec, first = contract.output(name), int(any(spec.is_batched for spec in contract.inputs))  # where H or C is
    label = _pixel_label(contract, first)
    names = None if label is None or not (spec.is_float or name == label.name) else contract.classes
    if not (_holds_scores(spec, first, label, names) if spec.is_float else len(spec.shape) == 2 + first):
        raise FerryError(
            ExitCode.USAGE,
            f"--output: {name}: got {spec.describe()} for .png, expected a mask: bool or integers [N,H,W], or float scores "
            "[N,C,H,W] of two classes or more; take another with --select NAME, or write .npz",
        )
    is_wide = size_of(spec.dtype) > 1 and _most(spec, first, names) > _MOST_IN_BYTE
    return Mask(name, bool(first), spec.is_float, names, 16 if is_wide else 8)


def is_mask(contract: Contract, name: str) -> bool:
    """Say whether the output of that name is a mask."""
    try:
        mask_of(contract, name)
    except FerryError:
        return False
    return True


def _pixel_label(contract: Contract, first: int) -> TensorSpec | None:
    """Return the output whose values the classes name, where it has one for each pixel."""
    label = None if contract.classes is None else contract.output(contract.classes.output)
    return label if label is not None and len(label.shape) == 2 + first else None


def _holds_scores(spec: TensorSpec, first: int, label: TensorSpec | None, names: Classes | None) -> bool:
    """Say whether the floats are scores of at least two classes, and of those that have names if any have."""
    if len(spec.shape) != 3 + first or spec.channels is not None:
        return False
    count = spec.shape[first]
    if not isinstance(count, int) or count < 2:
        return False
    if label is None or names is None:
        return True
    return count == len(names.names) and spec.shape[:first] + spec.shape[first + 1 :] == label.shape


def _most(spec: TensorSpec, first: int, names: Classes | None) -> float:
    """Return the largest value that the contract allows; 255 where it does not say."""
    if names is not None:
        return len(names.names) - 1
    if spec.is_float:
        count = spec.shape[first]
        return count - 1 if isinstance(count, int) else _MOST_IN_BYTE
    return _MOST_IN_BYTE if spec.range is None else math.floor(spec.range[1])


def _colour(value: int) -> bytes:
    """Return red, green and blue of a class as in PASCAL VOC: bit 3k + c of the value is bit 7 - k of channel c."""
    return bytes(sum((value >> 3 * k + c & 1) << 7 - k for k in range(3)) for c in range(3))


class MaskSink:
    """One picture, which is written when it is known to be the only one."""

    def __init__(self, stream: BinaryIO, where: str, mask: Mask) -> None:
        self.count = 0
        self._stream, self._where, self._mask = stream, where, mask
        self._file = b""

    def write(self, outputs: Mapping[str, Array], ids: Sequence[str] | None = None) -> None:  # noqa: ARG002 (refused before)
        """Take the only sample [1, ...]. Raises FerryError(USAGE) for a second one."""
        output = outputs[self._mask.name]
        self.count += len(output) if self._mask.is_batched else 1
        if self.count > 1:
            raise FerryError(
                ExitCode.USAGE,
                f"{self._where}: got several samples, expected one, as a .png holds one mask; give each a file and write to FOLDER/ "
                "with --format png, or write .npy",
            )
        self._file = self._mask.png(output, self._where)

    def finish(self) -> None:
        """Write the file."""
        self._stream.write(self._file)
        self._stream.flush()
