"""Is a device baked into a module? It is run with pretended tensors on a device that need not be here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from torchferry.bundle.contract import Array
from torchferry.engines.torch_device import to_tensor
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.origin import current_origin
from torchferry.intake.quiet import quiet

_PRETENDED = torch.device("cuda:7")  # a device that no code names by chance


def check_devices(module: nn.Module, inputs: Mapping[str, Array]) -> str | None:
    """Return a note where the module makes tensors on the default device, so that its bundle cannot run on another.

    `inputs` are in the contract's shapes. Raises FerryError(BAD_INPUT) where its code names a device.
    """
    named, default = _Named(), _Default()
    tensors = [to_tensor(array) for array in inputs.values()]
    with quiet(), FakeTensorMode(allow_non_fake_inputs=True) as fakes:
        try:
            state = {name: fakes.from_tensor(tensor) for name, tensor in module.state_dict(keep_vars=True).items()}
            here = [fakes.from_tensor(tensor) for tensor in tensors]
            moved = {name: torch.empty_like(tensor, device=_PRETENDED) for name, tensor in state.items()}
            feed = [torch.empty_like(tensor, device=_PRETENDED) for tensor in here]
            with torch.no_grad(), named, default:
                torch.func.functional_call(module, moved, tuple(feed))
        except Exception:  # control flow that needs values, operators that cannot be pretended: what was seen until then counts
            pass
    if named.seen:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"module: got a device baked in: {named.seen}, expected the device of its inputs; pass device=x.device instead",
        )
    return (
        f"the bundle will run on the CPU only: the module makes a tensor without device=x.device, {default.seen}"
        if default.seen
        else None
    )


class _Named(TorchFunctionMode):
    """Sees the first call that names a device other than the inputs'."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = ""

    def __torch_function__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` as it is."""
        name = getattr(func, "__name__", str(func))
        where = current_origin()
        if (
            not self.seen
            and where
            and (name in ("cpu", "cuda") or any(_is_elsewhere(item) for item in (*args, *(kwargs or {}).values())))
        ):
            self.seen = f"{name} at {where}"
        return func(*args, **(kwargs or {}))


def _is_elsewhere(value: Any) -> bool:
    if isinstance(value, str) and value.partition(":")[0] in ("cpu", "cuda", "mps", "xpu"):
        value = torch.device(value)
    return isinstance(value, torch.device) and value != _PRETENDED


class _Default(TorchDispatchMode):
    """Sees the first tensor that is made on the default device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no annotation there
        self.seen = ""

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func` as it is."""
        device = (kwargs or {}).get("device")
        if not self.seen and device is not None and torch.device(device) != _PRETENDED:
            self.seen = f"{func.overloadpacket.__name__} at {current_origin() or 'an unknown line'}"
        return func(*args, **(kwargs or {}))
