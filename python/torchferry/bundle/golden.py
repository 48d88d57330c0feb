"""Golden cases as arrays: raw inputs with float32 and float64 outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import assert_never

from torchferry.bundle.call_checks import check_goldens, check_inputs
from torchferry.bundle.contract import Array, Contract
from torchferry.bundle.manifest import FileEntry, GoldenCase, Origin, Reference, is_step
from torchferry.bundle.npy import array_bytes
from torchferry.bundle.reader import Bundle
from torchferry.bundle.writer import file_entry
from torchferry.errors import ExitCode, FerryError


@dataclass(frozen=True)
class CaseArrays:
    """One golden case in memory; `float64` holds float outputs as float64 and others in the contract's dtype.

    A step of a stream has no inputs for the state (bundle/steps.py).
    """

    name: str
    inputs: Mapping[str, Array]
    float32: Mapping[str, Array]
    float64: Mapping[str, Array]
    origin: Origin = "given"

    @property
    def is_step(self) -> bool:
        """True for a step of a stream."""
        return is_step(self.origin)

    def expected(self, reference: Reference) -> Mapping[str, Array]:
        """Return the expected outputs [N, ...] by name, of the float32 or the float64 reference."""
        match reference:
            case "float32":
                return self.float32
            case "float64":
                return self.float64
        assert_never(reference)


def read_case(bundle: Bundle, case: GoldenCase) -> CaseArrays:
    """Read the arrays [N, ...] of a case, and check them against the contract. Raises FerryError(IO, INTEGRITY or FORMAT)."""
    inputs, float32, float64 = (bundle.read_arrays(files) for files in (case.inputs, case.float32, case.float64))
    contract = bundle.contract.without_state() if case.is_step else bundle.contract
    try:
        check_goldens(contract, check_inputs(contract, inputs), float32, float64)
    except FerryError as error:
        raise FerryError(ExitCode.FORMAT, f"{bundle.folder}: golden case {case.name}: {error}") from None
    return CaseArrays(case.name, inputs, float32, float64, case.origin)


def write_case(folder: Path, contract: Contract, case: CaseArrays) -> GoldenCase:
    """Write the arrays of a case under `golden/`, and return their entries for the manifest."""
    (folder / "golden").mkdir(exist_ok=True)

    def write(kind: str, arrays: Mapping[str, Array], names: list[str]) -> dict[str, FileEntry]:
        entries = {}
        for name in names:
            path = f"golden/{case.name}.{kind}.{name}.npy"
            (folder / path).write_bytes(array_bytes(arrays[name]))
            entries[name] = file_entry(folder, path)
        return entries

    outputs = [spec.name for spec in contract.outputs]
    return GoldenCase(
        origin=case.origin,
        name=case.name,
        inputs=write("input", case.inputs, [spec.name for spec in contract.inputs if spec.name in case.inputs]),
        float32=write("float32", case.float32, outputs),
        float64=write("float64", case.float64, outputs),
    )
