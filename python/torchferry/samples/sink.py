"""Outputs of `predict`: JSON lines, CSV, `.npy`, `.npz` or `.png`, written beside their place and renamed at the end."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from torchferry.bundle.contract import BATCH, Array, Contract
from torchferry.bundle.printable import json_text, quoted
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.annotated_sink import AnnotatedSink, annotation_of
from torchferry.samples.array_sink import NpyFile, NpySink, NpzSink
from torchferry.samples.arrow_rows import MANY_LINES
from torchferry.samples.folder_sink import FolderSink, answer_names, is_folder
from torchferry.samples.gathered_sink import GatheredSink
from torchferry.samples.mask_sink import MaskSink, mask_of
from torchferry.samples.picture import Picture
from torchferry.samples.target import is_special, open_folder, open_spool, open_target
from torchferry.samples.text import csv_header, csv_ranked, csv_rows, csv_text, json_ranked, json_rows
from torchferry.samples.top import TopClasses, top_classes

Ranked = Iterator[tuple[list[str], Array]]
FORMATS = ("jsonl", "csv", "npy", "npz", "png")
_OF_NUMBERS = ("npy", "npz", "png")


class SampleSink(Protocol):
    """Takes batches of contract outputs."""

    @property
    def count(self) -> int:
        """How many answers were written."""

    def write(self, outputs: Mapping[str, Array], ids: Sequence[str] | None = None) -> None:
        """Append one batch of outputs [N, ...] by name, and the identities of its samples."""

    def finish(self) -> None:
        """Finish after the last batch; `open_sink` calls it once."""


@contextlib.contextmanager
def open_sink(
    contract: Contract,
    output: str,
    *,
    format_name: str | None,
    select: str | None,
    total: int | None,
    id_column: str | None = None,
    top: int | None = None,
    files: Sequence[str] = (),
    pictures: deque[Picture] | None = None,
) -> Iterator[SampleSink]:
    """Open `--output` (`-` is stdout, `FOLDER/` a folder); the files appear when the block ends without an error.

    `select` names the only output to write; `total` is the number of samples if known; `id_column` names the identities that
    come with each batch; `top` is how many classes to rank; `files` are those that the samples come from, for the names in a
    folder; `pictures` gives the picture of each sample. Raises FerryError(USAGE or IO).
    """
    kind, names = check_output(contract, output, format_name=format_name, select=select, id_column=id_column, top=top)
    try:
        with contextlib.ExitStack() as stack:
            sink: SampleSink
            if is_folder(output):
                answers = answer_names(files, kind)
                one = partial(open_sink, contract, format_name=kind, select=select, total=None, id_column=id_column, top=top)
                one = partial(one, pictures=pictures)
                sink = FolderSink(
                    stack.enter_context(open_folder(output)), answers, one, stack, batched=_batched_outputs(contract)
                )
            else:
                sink = _open_kind(
                    kind, contract, output, names, total, stack, _Beside(id_column, top_classes(contract, top), pictures)
                )
            yield sink
            sink.finish()
    except OSError as error:
        raise FerryError(
            ExitCode.IO, f"{_name_of(output)}: got {error.strerror or error}, expected to write to it; check the disk's space"
        ) from None


def check_output(
    contract: Contract, output: str, *, format_name: str | None, select: str | None, id_column: str | None, top: int | None
) -> tuple[str, list[str]]:
    """Return the kind of file and the outputs to write; nothing is opened. Raises FerryError(USAGE)."""
    kind = _format(output, format_name)
    names = _names(contract, select)
    _check_batch(contract, names)
    _check_id(contract, kind, id_column)
    if top_classes(contract, top) is not None and kind in _OF_NUMBERS:
        raise FerryError(ExitCode.USAGE, f"--top: got {top} for .{kind}, which holds numbers, expected .jsonl or .csv")
    if kind == "npy" and len(names) > 1 and is_folder(output):
        raise FerryError(
            ExitCode.USAGE,
            f"--output: got {output} for {len(names)} outputs, expected one .npy a file; add --select NAME, or --format npz",
        )
    if kind == "png" and annotation_of(contract, names) is None:
        _check_mask(contract, output, names)
    return kind, names


def shows_pictures(contract: Contract, kind: str, names: list[str]) -> bool:
    """Say whether these answers are drawn into the pictures that they are about."""
    return kind == "png" and annotation_of(contract, names) is not None


def _check_mask(contract: Contract, output: str, names: list[str]) -> None:
    """Require one output, and that it is a picture."""
    if len(names) > 1:
        raise FerryError(
            ExitCode.USAGE, f"--output: got {output} for {len(names)} outputs, expected one mask a .png; add --select NAME"
        )
    mask_of(contract, names[0])


@dataclass(frozen=True)
class _Beside:
    """What stands beside the outputs of a sample: the column of its identity in front, the best classes behind, or its picture."""

    id_column: str | None
    top: TopClasses | None
    pictures: deque[Picture] | None


def _format(output: str, format_name: str | None) -> str:
    by_ending = "jsonl" if output == "-" or is_folder(output) else Path(output).suffix.removeprefix(".")
    chosen = by_ending if format_name is None else format_name
    if format_name is None and output != "-" and chosen not in FORMATS and is_special(Path(output)):
        chosen = "jsonl"
    if chosen not in FORMATS:
        raise FerryError(ExitCode.USAGE, _format_problem(output, format_name))
    return chosen


def _format_problem(output: str, format_name: str | None) -> str:
    if format_name is not None:
        return f"--format: got {quoted(format_name)}, expected jsonl, csv, npy, npz or png"
    return f"--output: got {quoted(output)}, expected a name that ends in .jsonl, .csv, .npy, .npz or .png; rename it or add --format"


def _names(contract: Contract, select: str | None) -> list[str]:
    names = [spec.name for spec in contract.outputs]
    if select is not None and select not in names:
        raise FerryError(ExitCode.USAGE, f"--select: got {quoted(select)}, expected one of {', '.join(names)}")
    return names if select is None else [select]


def _is_batched(contract: Contract) -> bool:
    """Without a batch the outputs are one sample."""
    return any(spec.is_batched for spec in contract.inputs)


def _batched_outputs(contract: Contract) -> list[str]:
    return [spec.name for spec in contract.outputs if spec.is_batched]


def _check_batch(contract: Contract, names: list[str]) -> None:
    """Require one value a sample of each output: samples are written one by one."""
    for name in names:
        if _is_batched(contract) and contract.output(name).shape[:1] != (BATCH,):
            raise FerryError(
                ExitCode.USAGE,
                f"--output: {name}: got an output without the batch {BATCH}, expected {BATCH} first; take another with --select NAME",
            )


def _check_id(contract: Contract, kind: str, id_column: str | None) -> None:
    """Require a kind of file that holds words, and a name that no other column of the answers has."""
    if id_column is None:
        return
    if kind in _OF_NUMBERS:
        raise FerryError(
            ExitCode.USAGE, f"--id: got {quoted(id_column)} for .{kind}, which holds numbers, expected .jsonl or .csv"
        )
    taken = (*(spec.name for spec in contract.outputs), "class", "top")
    if id_column.partition("[")[0] in taken:  # `logits[0]` is a column of .csv
        raise FerryError(
            ExitCode.USAGE, f"--id: got {quoted(id_column)}, the name of an output, expected another; rename the column"
        )


def _open_kind(
    kind: str,
    contract: Contract,
    output: str,
    names: list[str],
    total: int | None,
    stack: contextlib.ExitStack,
    beside: _Beside,
) -> SampleSink:
    if kind == "npy":
        if len(names) > 1 and is_stream(output):
            raise FerryError(
                ExitCode.USAGE,
                f"--output: got {output} for {len(names)} outputs, expected a file's name to make one .npy for each; add --select NAME",
            )
        paths = {name: output if len(names) == 1 else f"{Path(output).with_suffix('')}.{name}.npy" for name in names}
        batched = _is_batched(contract)
        is_late = batched and total is None and is_stream(output)  # the row count comes in front of the rows
        files = {
            name: NpyFile(
                stack.enter_context(open_target(path)),
                batched=batched,
                total=total,
                spool=stack.enter_context(open_spool(path)) if is_late else None,
            )
            for name, path in paths.items()
        }
        return NpySink(files)
    stream = stack.enter_context(open_target(output))
    if kind == "npz":
        spools = {name: stack.enter_context(open_spool(output)) for name in names}
        return NpzSink(stream, spools, batched=_is_batched(contract))
    annotation = annotation_of(contract, names) if kind == "png" else None
    if annotation is not None:
        return AnnotatedSink(stream, _name_of(output), annotation, deque() if beside.pictures is None else beside.pictures)
    if kind == "png":
        return MaskSink(stream, _name_of(output), mask_of(contract, names[0]))
    rows = (_JsonSink if kind == "jsonl" else _CsvSink)(stream, contract, names, beside)
    return rows if is_stream(output) or not _is_batched(contract) else GatheredSink(rows, _batched_outputs(contract))


class _RowSink:
    """One line a sample."""

    def __init__(self, stream: BinaryIO, contract: Contract, names: list[str], beside: _Beside) -> None:
        self.count = 0
        self._stream, self._contract, self._names, self._beside = stream, contract, names, beside

    def write(self, outputs: Mapping[str, Array], ids: Sequence[str] | None = None) -> None:
        samples = {name: outputs[name] for name in self._names}
        if not _is_batched(self._contract):
            samples = {name: array[np.newaxis] for name, array in samples.items()}
        top = self._beside.top
        self._write_samples(samples, ids, None if top is None else top.of(outputs))
        self._stream.flush()  # an answer does not wait for the next ones

    def finish(self) -> None:
        """All is written."""

    def _write_samples(self, samples: Mapping[str, Array], ids: Sequence[str] | None, top: Ranked | None) -> None:
        raise NotImplementedError

    def _write_line(self, line: str) -> None:
        self._stream.write(line.encode() + b"\n")

    def _write_rows(self, rows: Iterator[str]) -> None:
        lines = [*rows, ""]  # of a million rows each call counts
        self._stream.write("\n".join(lines).encode())
        self.count += len(lines) - 1


class _JsonSink(_RowSink):
    def _write_samples(self, samples: Mapping[str, Array], ids: Sequence[str] | None, top: Ranked | None) -> None:
        rows = json_rows(self._contract, samples)
        if top is not None:
            rows = (f'{row[:-1]}, "top": {json_ranked(*ranked)}}}' for row, ranked in zip(rows, top, strict=True))
        if ids is not None:
            key = json_text(self._beside.id_column)
            rows = (f"{{{key}: {json_text(name)}, {row[1:]}" for name, row in zip(ids, rows, strict=True))
        self._write_rows(rows)


class _CsvSink(_RowSink):
    _needs_header = True

    def _write_samples(self, samples: Mapping[str, Array], ids: Sequence[str] | None, top: Ranked | None) -> None:
        if self._needs_header:
            self._write_line(self._header(samples))
            self._needs_header = False
        rows = csv_rows(self._contract, samples, use_arrow=self.count > MANY_LINES)
        if top is not None:
            rows = (f"{row},{csv_ranked(*ranked)}" for row, ranked in zip(rows, top, strict=True))
        if ids is not None:
            rows = (f"{csv_text(name)},{row}" for name, row in zip(ids, rows, strict=True))
        self._write_rows(rows)

    def _header(self, samples: Mapping[str, Array]) -> str:
        first = [] if self._beside.id_column is None else [csv_text(self._beside.id_column)]
        count = 0 if self._beside.top is None else self._beside.top.count
        last = [f"top[{i}].{part}" for i in range(count) for part in ("class", "score")]
        return ",".join([*first, csv_header(self._contract, samples), *last])


def _name_of(output: str) -> str:
    return "stdout" if output == "-" else output


def is_stream(output: str) -> bool:
    """Say whether answers reach their reader as they are written: stdout, a device, a pipe or a socket."""
    return output == "-" or is_special(Path(output))
