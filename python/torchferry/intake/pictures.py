"""An `ImagePreprocess` as modules, for the pictures that an input's spec promises."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from torchferry.bundle.contract import SymbolRange, TensorSpec
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.framing import Preprocess, require_known
from torchferry.preprocess import CenterCrop, ChannelsFirst, ImagePreprocess, Normalize, Resize, UnitScale
from torchferry.samples.image_layout import ImageLayout, NoPicturesError, find_layout

Part = nn.Module | ImagePreprocess
GivenPreprocess = Part | Mapping[str, Part]


def as_modules(
    given: GivenPreprocess | None, inputs: Mapping[str, TensorSpec], limits: Mapping[str, SymbolRange]
) -> Preprocess | None:
    """Return preprocessing with modules in place of descriptions; `inputs`: the specs by the names that the user gave.

    Raises FerryError(USAGE) for an input that takes no pictures or pictures that do not fit, and for names that are not there.
    """
    if given is None:
        return None
    require_known(list(inputs), given)
    if isinstance(given, Mapping):
        return {name: _module(part, inputs[name], limits) for name, part in given.items()}
    return _module(given, next(iter(inputs.values())), limits)


def _module(part: Part, spec: TensorSpec, limits: Mapping[str, SymbolRange]) -> nn.Module:
    """Return the modules in a row, in eval mode; a module as it is."""
    if isinstance(part, nn.Module):
        return part
    if not isinstance(part, ImagePreprocess):
        raise FerryError(
            ExitCode.USAGE, f"preprocess: got {type(part).__name__}, expected a torch.nn.Module or a torchferry.ImagePreprocess"
        )
    try:
        layout = find_layout(spec)
    except NoPicturesError as error:
        raise FerryError(
            ExitCode.USAGE, f"preprocess: got an ImagePreprocess, expected a module: {error.why}; correct the input's spec"
        ) from None
    modules = part.modules()
    _require_fit(modules, layout, limits)
    return nn.Sequential(ChannelsFirst(layout.axis or 0), UnitScale(layout.top), *modules).eval()


def _require_fit(modules: list[nn.Module], layout: ImageLayout, limits: Mapping[str, SymbolRange]) -> None:
    """Hold means and crop to the pictures. Raises FerryError(USAGE)."""
    where = f"preprocess: input {layout.spec.name}"
    height, width = _smallest(layout, limits, None)
    if min(height, width) < 1:
        raise FerryError(ExitCode.USAGE, f"{where}: got pictures of {height} x {width} pixels, expected at least 1 x 1")
    for module in modules:
        if isinstance(module, Resize):
            height, width = _smallest(layout, limits, module)
        elif isinstance(module, CenterCrop) and (module.height > height or module.width > width):
            raise FerryError(
                ExitCode.USAGE,
                f"{where}: crop: got {module.height} x {module.width} (height x width), expected at most {height} x {width}, "
                "the smallest picture; crop less, resize to more, or give symbols a minimum",
            )
        elif isinstance(module, Normalize) and len(module.mean) != layout.channels:
            raise FerryError(
                ExitCode.USAGE,
                f"{where}: mean: got {len(module.mean)} numbers, expected {layout.channels}: one for each channel",
            )


def _smallest(layout: ImageLayout, limits: Mapping[str, SymbolRange], resize: Resize | None) -> tuple[int, int]:
    """Return the smallest height and the smallest width, in pixels, of the contract's pictures, behind `resize` if there is one."""
    (low, high), (narrow, wide) = (_range(dim, limits) for dim in layout.size)
    if resize is None:
        return low, narrow
    # A side becomes smallest where the picture is smallest along it and largest along the other.
    highest, widest = (max(low, narrow) if most is None else most for most in (high, wide))
    return resize.output_size(low, widest)[0], resize.output_size(highest, narrow)[1]


def _range(dim: int | str, limits: Mapping[str, SymbolRange]) -> tuple[int, int | None]:
    return (dim, dim) if isinstance(dim, int) else (limits[dim].min, limits[dim].max)
