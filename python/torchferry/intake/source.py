"""What every exporter is given: the module, its contract, and the torch.export program made once from both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch.export import Dim, ExportedProgram
from torch.export.dynamic_shapes import _Dim  # the type that Dim() gives; torch exports no public name for it

from torchferry.bundle.contract import Array, Contract
from torchferry.compare.tolerance import Bound
from torchferry.engines.base import name_outputs
from torchferry.engines.torch_device import to_tensor
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.dim_limits import said_limits
from torchferry.intake.origin import origin_of
from torchferry.intake.quiet import quiet
from torchferry.intake.scripted import as_exportable

SCRIPTED, TRACED = "scripted", "traced"  # the last word of the producer of a TorchScript artifact


class TupleOutputs(torch.nn.Module):
    """A module whose outputs are a plain tuple in contract order: torch.export cannot save a NamedTuple class.

    In the program the parameters' names start with `module.`.
    """

    def __init__(self, module: torch.nn.Module, contract: Contract) -> None:
        super().__init__()
        self.module = module
        self._contract = contract

    def forward(self, *inputs: torch.Tensor) -> tuple[object, ...]:
        """Compute the contract's outputs from its inputs, both in the contract's order and shapes."""
        named = name_outputs(self._contract, self.module(*inputs))
        return tuple(named[spec.name] for spec in self._contract.outputs)


@dataclass(frozen=True)
class Quantization:
    """What int8 is calibrated and judged on.

    `calibration`: raw inputs [N, ...] of the training data by name. `test`: inputs that are not among them, and `labels` [N] their classes,
    where they are known. `headroom`: the ranges of the calibration times this are what a byte can hold.
    `io`: what the structs of the C have for the contract's floats. `from_module`: the module must have scales of its own.
    """

    calibration: Mapping[str, Array]
    test: Mapping[str, Array] | None = None
    labels: Array | None = None
    headroom: float = 1.0
    io: Literal["float", "bytes", "int8"] = "float"
    from_module: bool = False

    @classmethod
    def of_samples(cls, samples: Mapping[str, Array]) -> Quantization:
        """Return every second of samples [N, ...] by input for the calibration and the others as a test; a single sample calibrates."""
        if len(next(iter(samples.values()), ())) < 2:
            return cls(samples)
        calibration, test = ({name: array[start::2] for name, array in samples.items()} for start in (0, 1))
        return cls(calibration, test)


class ProgramError(FerryError):
    """torch.export does not take the module; `said` is all that it said."""

    def __init__(self, problem: str, said: str) -> None:
        super().__init__(ExitCode.FORMAT, problem)
        self.said = said


@dataclass(frozen=True)
class ExportSource:
    """A module in eval mode on the CPU, its contract, and example inputs (a batch of at least 2) inside the contract."""

    module: torch.nn.Module
    contract: Contract
    examples: Mapping[str, Array]
    name: str = "model"  # of the bundle
    provenance: str = ""  # lines for a reader of the artifact
    max_bytes: int | None = None  # of an artifact that has to fit into a device; None: the format's own limit
    max_ram: int | None = None  # that a call of it may need; None: any
    separate_weights: bool = False  # of generated C: in a file of their own
    quantization: Quantization | None = None  # for formats in int8
    allow_ops: frozenset[str] = frozenset()  # operators that TorchScript may use besides engines/torchscript_operators.txt
    metadata: Mapping[str, str] = field(default_factory=dict)  # of the bundle
    bounds: Mapping[str, Bound] = field(default_factory=dict)  # that generated C is held to, by float output; empty: not known

    def with_bounds(self, bounds: Mapping[str, Bound]) -> ExportSource:
        """Return the source with other bounds, and with the programs that it has made."""
        return self._with(bounds=bounds)

    def with_quantization(self, quantization: Quantization) -> ExportSource:
        """Return the source with another quantization, and with the programs that it has made."""
        return self._with(quantization=quantization)

    def with_contract(self, contract: Contract) -> ExportSource:
        """Return the source with a contract of the same shapes, and with the programs that it has made."""
        return self._with(contract=contract)

    def _with(self, **fields: object) -> ExportSource:
        other = copy(self)  # `replace` would make the programs again
        vars(other).update(fields)
        return other

    @property
    def example_tensors(self) -> tuple[torch.Tensor, ...]:
        """The example inputs in the contract's order and shapes."""
        return tuple(to_tensor(self.examples[spec.name]) for spec in self.contract.inputs)

    @property
    def program(self) -> ExportedProgram:
        """The module as a torch.export program with the contract's symbols as dynamic dims. Raises ProgramError."""
        found = self._program_or_error
        if isinstance(found, ProgramError):
            raise found
        return found

    @cached_property
    def _program_or_error(self) -> ExportedProgram | ProgramError:
        try:
            with torch.no_grad(), quiet():
                return torch.export.export(
                    TupleOutputs(as_exportable(self.module, self.example_tensors), self.contract),
                    self.example_tensors,
                    dynamic_shapes=(self._dynamic_shapes(),),
                    strict=False,
                )
        except Exception as error:  # torch.export raises errors of many kinds for a module that it cannot take
            return ProgramError(f"torch.export: {type(self.module).__name__}: {_program_problem(error)}", str(error))

    @cached_property
    def functional_program(self) -> ExportedProgram:
        """`program`, with copies of the inputs where the module writes into them: for formats that would write into the caller's memory."""
        functional = decomposed(self.program, {})  # only then does the signature tell what is written into
        if not functional.graph_signature.user_inputs_to_mutate:
            return self.program
        module = as_exportable(self.module, self.example_tensors)
        return ExportSource(_Untouched(module), self.contract, self.examples).program

    def _dynamic_shapes(self) -> tuple[dict[int, _Dim], ...]:
        dims = {name: Dim(name, min=limits.min, max=limits.max) for name, limits in self.contract.symbols.items()}
        return tuple(
            {axis: dims[dim] for axis, dim in enumerate(spec.shape) if isinstance(dim, str)} for spec in self.contract.inputs
        )


class _Untouched(torch.nn.Module):
    """A module that works on copies of its inputs."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: torch.Tensor) -> object:
        return self.module(*(tensor.clone() for tensor in inputs))


@dataclass(frozen=True)
class Written:
    """What an exporter wrote: paths in the bundle, the one to open first; what made them; what running them requires.

    `notes`: what whoever exports should know, a line each.
    """

    files: tuple[str, ...]
    producer: str
    requires: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Exporter(Protocol):
    """One format: writes its files into `folder` and describes them."""

    def __call__(self, source: ExportSource, folder: Path) -> Written:
        """Write one format. Raises FerryError(FORMAT) where the module cannot be expressed in it."""


def decomposed(program: ExportedProgram, table: Mapping[Any, Any] | None = None) -> ExportedProgram:
    """Return a program of smaller operators, by a table or torch's own; torch warns of its own classes then, which nobody else can mend."""
    with quiet():
        found: ExportedProgram = program.run_decompositions(None if table is None else dict(table))
    return found


def where_used(program: ExportedProgram, operator: str) -> str:
    """Return the first use of an operator (`aten.cumprod`) as `, used at model.py:12: return torch.cumprod(x, 1)`; empty if unknown."""
    name = operator.removesuffix(".default")
    for candidate in (program, decomposed(program)):
        for node in candidate.graph.nodes:
            if node.op == "call_function" and str(node.target).removesuffix(".default").startswith(name):
                return _last_frame(node.meta.get("stack_trace"))
    return ""


def _last_frame(trace: str | None) -> str:
    """Return the last `File "model.py", line 12, in forward` of a stack trace and the line of code below it."""
    lines = [line.strip() for line in (trace or "").splitlines()]
    frames = [index for index, line in enumerate(lines) if line.startswith("File ")]
    if not frames:
        return ""
    file, line = lines[frames[-1]].split(", ")[:2]
    code = "".join(lines[frames[-1] + 1 : frames[-1] + 2])
    return f", used at {file.removeprefix('File ').strip(chr(34))}:{line.removeprefix('line ')}: {code}"


_SPECIALIZED = re.compile(r"marked (?P<symbol>\w+) as dynamic but your code specialized it to be a constant \((?P<size>\d+)\)")
_NOT_CONVERTED = re.compile(r"TS2EPConverter failed for node (?P<node>\S+)")
_FAKE_QUANTIZED = re.compile(r"aten\.(fake_quantize_per_\w+?_affine)")
_UNKNOWN_VALUE = re.compile(r"data-dependent|GuardOnDataDependent|unbacked symint", re.IGNORECASE)


def _program_problem(error: Exception) -> str:
    """Return what torch.export could not take, and where, in one line."""
    text, where = str(error), origin_of(error)
    at = f" at {where}" if where else ""
    if frozen := _SPECIALIZED.search(text):
        return (
            f"the dim {frozen['symbol']}: got it frozen at {frozen['size']} by the module{at}, expected it to stay free: len(x), a loop over it and "
            "recurrent layers freeze it, x.shape[0] does not; write it as a number in the input, or export to torchscript or onnx"
        )
    if kept := _NOT_CONVERTED.search(text):
        return (
            f"got TorchScript with {kept['node']}, which torch's converter does not take, expected operators alone; load its state_dict into "
            "the module's class and export that"
        )
    if ways := said_limits(text):
        named = ", ".join(f"{dim} at {end} {size}" for dim, end, size in ways)
        return f"got another way of the module beyond {named}{at}, expected one way for all sizes: an `if` on a shape; limit the symbol to that"
    if found := _FAKE_QUANTIZED.search(text):
        return (
            f"got torch.{found[1]}{at}, which torch.export has no form of; round by a module of it (torch.ao.quantization.FakeQuantize), whose "
            "grid is taken over, or by torch.round and torch.clamp"
        )
    if _UNKNOWN_VALUE.search(text):
        return f"got control flow that depends on data{at}, expected a fixed graph; torchscript keeps it"
    return f"{first_line(error)}{at}"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text that says something; with the next one, where it ends with a colon."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    return said[:300] or type(error).__name__
