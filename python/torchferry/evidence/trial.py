"""The trial of the check: a copy of this very bundle is damaged, once a file and once a golden, and the check must notice each time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from torchferry.bundle.contract import Array
from torchferry.bundle.dtype import holds_floats
from torchferry.bundle.golden import CaseArrays, read_case
from torchferry.bundle.manifest import MANIFEST_NAME
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.bundle.secret_key import make_key, public_text, sign
from torchferry.bundle.trust import Trust
from torchferry.errors import FerryError
from torchferry.proof.replay import Runnable, answers, judge, tolerance_of


@dataclass(frozen=True)
class Attempt:
    """One damage: what was changed, whether the check noticed, and in which words."""

    changed: str
    noticed: bool
    said: str


def flipped_bits(bundle: Bundle) -> Iterator[Attempt]:
    """Flip the middle bit of each file of the bundle in turn, and open the copy, which a key of the trial signed. Raises FerryError(IO)."""
    with tempfile.TemporaryDirectory(prefix="ferry-trial-") as name:
        folder, key = Path(name) / bundle.manifest.name, make_key()
        (Path(name) / "trial.pub").write_bytes(public_text(key))
        trust = Trust((f"{name}/trial.pub",))
        files = _copy(bundle, folder)
        (folder / f"{MANIFEST_NAME}.minisig").write_bytes(sign(bundle.manifest_json, key, "a trial"))
        open_bundle(folder, trust=trust)  # the copy itself is good
        for path in [MANIFEST_NAME, *sorted(files - {MANIFEST_NAME})]:
            honest = (folder / path).read_bytes()
            if honest:  # else there is no bit to flip; its size is held
                damaged = bytearray(honest)
                damaged[len(damaged) // 2] ^= 0x10
                (folder / path).write_bytes(damaged)
                yield _opened(folder, path, trust)
                (folder / path).write_bytes(honest)


def _copy(bundle: Bundle, folder: Path) -> set[str]:
    folder.mkdir()
    (folder / MANIFEST_NAME).write_bytes(bundle.manifest_json)
    present = list(bundle.present(bundle.manifest.files()))
    for entry in present:
        (folder / entry.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / entry.path).write_bytes(bundle.read(entry))
    return {MANIFEST_NAME, *(entry.path for entry in present)}


def _opened(folder: Path, path: str, trust: Trust) -> Attempt:
    try:
        open_bundle(folder, trust=trust)
    except FerryError as error:
        return Attempt(f"one bit of {path}", True, f"exit code {int(error.code)}: {str(error).replace(f'{folder}/', '')}")
    return Attempt(f"one bit of {path}", False, "opened as if nothing had changed")


def moved_goldens(bundle: Bundle, session: Runnable, *, engine: str, device: str) -> Iterator[Attempt]:
    """Move every value of each golden output [N, ...] out of its bound in turn, and compare the honest answers with that.

    This is what a wrong model would look like. Raises what the session raises.
    """
    cases = [read_case(bundle, entry) for entry in bundle.manifest.golden.cases]
    for case, actual in zip(cases, answers(bundle, session, cases), strict=True):
        for spec in bundle.contract.outputs:
            row = tolerance_of(bundle, spec.name, engine=engine, device=device, numerics=session.numerics)
            verdict = judge(bundle, _moved(case, spec.name, row.bound), actual, row)
            said = f"FAILED: {verdict.mismatches} of {verdict.compared} values out of their bound {row.bound:g}"
            yield Attempt(
                f"golden {case.name}, output {spec.name}, on {engine}",
                not verdict.passed,
                said if not verdict.passed else "passed",
            )


def _moved(case: CaseArrays, output: str, bound: float) -> CaseArrays:
    return replace(
        case,
        float32={**case.float32, output: _away(case.float32[output], bound)},
        float64={**case.float64, output: _away(case.float64[output], bound)},
    )


def _away(values: Array, bound: float) -> Array:
    """Return values that are each further away than the bound; those that are no numbers, or at the end of their range, go to 0."""
    if values.dtype == np.bool_:
        return np.logical_not(values)
    if not holds_floats(values):
        limit = np.iinfo(values.dtype.name).max
        return np.where(values == limit, 0, values + np.asarray(1, values.dtype)).astype(values.dtype)
    finite = np.where(np.isfinite(values), values, 0).astype(np.float64)
    step = 2 * bound + 1 + np.abs(finite) / 8
    return np.where(np.isfinite(values), finite - np.copysign(step, finite), 0).astype(values.dtype)
