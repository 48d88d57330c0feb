"""`--output FOLDER/`: one answer file for each input file, named after it. The C++ twin is cpp/cli/folder_output.cpp."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from torchferry.bundle.contract import Array
from torchferry.errors import ExitCode, FerryError


class _Sink(Protocol):
    @property
    def count(self) -> int: ...
    def write(self, outputs: Mapping[str, Array], ids: Sequence[str] | None = None) -> None: ...
    def finish(self) -> None: ...


class FolderSink:
    """Writes sample i into file i, or every sample into the only file.

    `open_one` opens the sink of a file; `batched` are the outputs with the batch first.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        open_one: Callable[[str], AbstractContextManager[_Sink]],
        stack: contextlib.ExitStack,
        *,
        batched: Sequence[str],
    ) -> None:
        self.count = 0
        self._batched = batched
        self._folder, self._names, self._open_one = folder, names, open_one
        self._only = stack.enter_context(open_one(str(folder / names[0]))) if len(names) == 1 else None

    def write(self, outputs: Mapping[str, Array], ids: Sequence[str] | None = None) -> None:
        """Write the samples of one batch of outputs [N, ...] by name."""
        if self._only is not None:
            before = self._only.count
            self._only.write(outputs, ids)
            self.count += self._only.count - before
            return
        batched = {name: outputs[name] for name in self._batched}
        for index in range(max(map(len, batched.values()))):
            with self._open_one(str(self._folder / self._names[self.count])) as sink:
                sink.write({name: array[index : index + 1] for name, array in batched.items()})
            self.count += 1

    def finish(self) -> None:
        """Do nothing: every file is finished when it is closed."""


def is_folder(output: str) -> bool:
    """Say whether `--output` names a folder."""
    return output.endswith("/")


def answer_names(files: Sequence[str], kind: str) -> list[str]:
    """Return the name of each file's answer: `in/cat.jpg` is answered by `cat.jsonl`. Raises FerryError(USAGE) for a name twice."""
    owners: dict[str, str] = {}
    for file in files:
        name = f"{_stem(file)}.{kind}"
        if name in owners:
            raise FerryError(
                ExitCode.USAGE,
                f"--output: got {owners[name]} and {file}, whose answers are both {name}, expected different names; rename one",
            )
        owners[name] = file
    return list(owners)


def _stem(file: str) -> str:
    """Return the file's name without its ending; a point in front begins no ending."""
    name = file.rpartition("/")[2]
    dot = name.rfind(".")
    return name[:dot] if dot > 0 else name
