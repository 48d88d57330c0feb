"""Programs of ExecuTorch, changed through ExecuTorch's own reader and writer of the format."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, as_strided, nn

import torchferry
from builders.bundles import reseal

# Of four elements three steps apart: 12 * STRIDE + 4 bytes are 12 bytes in 64 bits, so that the runtime's check passes.
WRAPPING_STRIDE = (2**62 + 2) // 3


def edited(program: bytes, change: Callable[[list[Any]], None]) -> bytes:
    """Return the program after `change` has changed the values of its first plan."""
    from executorch.exir._serialize._program import deserialize_pte_binary, serialize_pte_binary

    file = deserialize_pte_binary(program)
    change([value.val for value in file.program.execution_plan[0].values])
    return bytes(serialize_pte_binary(file))


class _Strided(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :4] + as_strided(x, (4,), (1,))


def strided_bundle(folder: Path) -> Path:
    """Export an honest bundle whose program calls aten::as_strided_copy."""
    torchferry.export(_Strided().eval(), inputs={"x": "float32[N,8]:0..1"}, out=folder, to=("executorch",))
    return folder


def crashing_copy(honest: Path, folder: Path) -> Path:
    """Copy a bundle of `strided_bundle`; its program passes every door and reads far outside of its memory."""
    shutil.copytree(honest, folder)

    def change(values: list[Any]) -> None:
        (_, stride) = [value for value in values if type(value).__name__ == "IntList"]
        values[stride.items[0]].int_val = WRAPPING_STRIDE

    (folder / "model.pte").write_bytes(edited((folder / "model.pte").read_bytes(), change))
    reseal(folder)
    return folder
