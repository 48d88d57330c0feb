"""TorchScript archives written by hand: any code and any pickle, where torch.jit.save would write its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from builders.bundles import edit_manifest, fill_bundle
from builders.zip_parts import Part, write_zip

NET = "class Net(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
FORWARD = "  def forward(self: __torch__.Net,\n    x: Tensor) -> Tuple[Tensor, Tensor]:\n"
RESULT = "    return (torch.mul(x, 2), torch.to(torch.gt(torch.sum(x, [1]), 3), 4))\n"
STATE = b"}(X\x08\x00\x00\x00training\x88ub."
PICKLE = b"\x80\x02c__torch__\nNet\n)\x81" + STATE
NO_CONSTANTS = b"\x80\x02)."


def net(*body: str, attributes: str = "", more: str = "", defaults: str = "") -> str:
    """The code of a model that does what the contract `doubling` promises, after the lines of `body`."""
    lines = "".join(f"    {line}\n" for line in body)
    forward = FORWARD.replace("x: Tensor)", f"x: Tensor{defaults})")
    return f"{NET}{attributes}{forward}{lines}{RESULT}{more}"


def parts(
    code: str | Mapping[str, str], *, data: bytes = PICKLE, constants: bytes = NO_CONSTANTS, root: str = "model"
) -> list[Part]:
    """The entries of an archive; `code` is that of `__torch__`, or of files by their name."""
    files = {"__torch__": code} if isinstance(code, str) else code
    return [
        Part(f"{root}/data.pkl", data),
        *(Part(f"{root}/code/{name}.py", text.encode()) for name, text in files.items()),
        Part(f"{root}/constants.pkl", constants),
        Part(f"{root}/version", b"3\n"),
        Part(f"{root}/byteorder", b"little"),
    ]


def archive(code: str | Mapping[str, str], *, data: bytes = PICKLE, constants: bytes = NO_CONSTANTS) -> bytes:
    """An archive that the zip reader accepts."""
    return write_zip(parts(code, data=data, constants=constants))


def archive_bundle(folder: Path, content: bytes, *, requires: Mapping[str, str] | None = None) -> Path:
    """A sealed bundle of the contract `doubling` around an archive: nothing but the door can refuse it."""
    folder.mkdir()
    fill_bundle(folder, artifacts={"torchscript": content})
    edit_manifest(folder, lambda manifest: manifest["artifacts"][0].update(requires=dict(requires or {})))
    return folder
