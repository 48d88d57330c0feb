"""What engine.c says of the values inside its model, a line of JSON each: written by the exporter, read by the probe."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from torchferry.cgen.emit.seen import Seen
from torchferry.errors import ExitCode, FerryError

TITLE = "/* Values inside the model that `ferry diff` shows: which call of which module gives it, and where the C has it."
_Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*$", max_length=200)]
_Size = Annotated[int, Field(ge=1, le=1 << 31)]
_BLOCK = re.compile(re.escape(TITLE) + r"\n(.*?)\*/\n", re.DOTALL)


class Row(BaseModel):
    """What a call gives, or (`into`) is given: at the end of `function`, or before its loop, `pointer` has the elements of a sample of `shape`.

    `channels`: the first dim of the value, which lies last there; 0: the elements lie in their order. A byte u means
    (u - zero) * scale, where scale is not 0. `loss`: how far int8 had the value from float32 on the samples of the export.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    path: str
    call: _Size
    into: bool = False
    dtype: str
    shape: list[_Size]
    function: _Identifier
    pointer: _Identifier
    before_loop: bool
    channels: Annotated[int, Field(ge=0)] = 0
    scale: float = 0.0
    zero: int = 0
    loss: float = 0.0


def print_rows(seen: Sequence[Seen]) -> str:
    """Return the comment at the end of engine.c."""
    lines = [json.dumps(_row(entry).model_dump(exclude_defaults=True), sort_keys=True).replace("/", r"\/") for entry in seen]
    return "\n".join(["", TITLE, *lines, "*/", ""])


def _row(entry: Seen) -> Row:
    kind = entry.kind
    return Row(
        path=entry.given.path,
        call=entry.given.call,
        into=entry.given.into,
        dtype=entry.dtype,
        shape=list(entry.given.shape),
        function=entry.function,
        pointer=entry.pointer,
        before_loop=entry.before_loop,
        channels=entry.channels,
        scale=0.0 if kind is None else kind.scale,
        zero=0 if kind is None else kind.zero,
        loss=entry.loss,
    )


def read_rows(path: str, text: str) -> list[Row]:
    """Return the rows of engine.c. Raises FerryError(FORMAT) where it has none, as an older one, or others."""
    found = _BLOCK.search(text)
    if found is None:
        raise FerryError(
            ExitCode.FORMAT, f"{path}: got C that does not say where its layers are, expected it to; export the bundle again"
        )
    try:
        return [Row.model_validate_json(line) for line in found[1].splitlines()]
    except ValidationError as error:
        problem = error.errors()[0]
        raise FerryError(
            ExitCode.FORMAT, f"{path}: got a line about a layer that is wrong ({problem['msg']}); export the bundle again"
        ) from None
