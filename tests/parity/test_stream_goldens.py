"""The stream among the goldens of a bundle: both programs hand the engine's own state from step to step, and hold each to its bound."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from builders.bundles import edit_manifest, reseal
from builders.programs import BUILD, Program, run_program
from torchferry import native
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import CaseArrays, read_case
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.replay import replay

FERRY_RUN = [str(BUILD / "bin" / "ferry-run")]
STEPS = [f"stream-8-step-{step}" for step in range(1, 9)]
STATE = {"h": "next_h", "c": "next_c"}
INPUTS = {"sample": "float32[N,3]:-1..1", "h": "float32[N,8]:-1..1", "c": "float32[N,8]:-1..1"}


class Cell(nn.Module):
    """From samples [N, 3] and both states [N, 8] of an LSTM to answers [N, 1] and the next states."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTMCell(3, 8), nn.Linear(8, 1)

    def forward(self, sample: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h, c = self.cell(sample, (h, c))
        return self.head(h), h, c


def cell() -> nn.Module:
    torch.manual_seed(3)
    return Cell().eval()


def export(module: nn.Module, out: Path, **options: Any) -> tuple[Bundle, list[str]]:
    """The bundle and the notes; without the stress case, which costs time and has no state to carry."""
    notes: list[str] = []
    asked: dict[str, Any] = {"inputs": INPUTS, "outputs": ["answer", "next_h", "next_c"], "state": STATE, "to": ["torchscript"]}
    bundle = torchferry.export(module, out=out, note=notes.append, stress=False, **{**asked, **options})
    return bundle, notes


def steps_of(bundle: Bundle) -> list[CaseArrays]:
    return [read_case(bundle, case) for case in bundle.manifest.golden.cases if case.is_step]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return export(cell(), tmp_path_factory.mktemp("goldens") / "cell", to=["torchscript", "onnx", "c"])[0]


def failed(found: dict[str, Any], engine: str) -> list[str]:
    """The cases that an engine failed, each once, in the order in which they are told."""
    (result,) = (item for item in found["engines"] if item["engine"] == engine)
    return list(dict.fromkeys(item["case"] for item in result["verdicts"] if not item["passed"]))


def verify_in_both(ferry: Program, folder: Path, *options: str) -> list[dict[str, Any]]:
    """What both programs say, and the C ABI that the other languages are bound to."""
    words = ("verify", folder, "--allow-native", "--json", *options)
    found = [json.loads(ferry(*words).stdout), json.loads(run_program(FERRY_RUN, *words).stdout)]
    opened = native.open_bundle(folder)
    opened.allow_native()
    return [*found, opened.verify().verdicts]


def test_the_goldens_are_those_of_a_loop_over_the_module(bundle: Bundle) -> None:
    steps = steps_of(bundle)
    assert [case.name for case in steps] == STEPS
    assert all(set(case.inputs) == {"sample"} for case in steps)
    assert [len(case.inputs["sample"]) for case in steps] == [4] * 8
    given = np.stack([case.inputs["sample"] for case in steps])
    assert len(np.unique(given.reshape(32, 3), axis=0)) > 8, "streams and steps have inputs of their own"
    for dtype, name in ((torch.float32, "float32"), (torch.float64, "float64")):
        module, h, c = cell().to(dtype), torch.zeros(4, 8, dtype=dtype), torch.zeros(4, 8, dtype=dtype)
        for case in steps:
            with torch.inference_mode():
                answer, h, c = module(torch.tensor(case.inputs["sample"]).to(dtype), h, c)
            golden: Mapping[str, Array] = getattr(case, name)
            for output, value in (("answer", answer), ("next_h", h), ("next_c", c)):
                assert golden[output].tobytes() == value.numpy().tobytes(), (case.name, output)


def test_every_engine_of_both_languages_passes_every_step(bundle: Bundle, ferry: Program) -> None:
    here, there, bound = verify_in_both(ferry, bundle.folder, "--calls", "2")
    for found, engines, calls in ((here, 4, 2), (there, 3, 2), (bound, 3, 1)):
        assert found["passed"], found
        steps = [(item["engine"], v) for item in found["engines"] for v in item["verdicts"] if v["case"] in STEPS]
        assert len(steps) == engines * 8 * 3 * calls
    bits = [v for item in here["engines"] if item["engine"] == "torchscript" for v in item["verdicts"] if v["kind"] == "bits"]
    assert {v["case"] for v in bits} >= set(STEPS), "equal bits are held in every step"


def test_a_swapped_pair_is_right_in_single_calls_and_wrong_from_step_2_on(bundle: Bundle, ferry: Program, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bundle.folder, tmp_path / "swapped"))
    edit_manifest(folder, lambda value: value["contract"].update(state={"h": "next_c", "c": "next_h"}))
    for found in verify_in_both(ferry, folder):
        for engine in ("torchscript", "onnxruntime", "c"):
            assert failed(found, engine) == STEPS[1:]


class Forgetful:
    """A session that takes what it said itself, and not what a caller makes up, for no state at all."""

    def __init__(self, session: torchferry.Session) -> None:
        self._session, self._said, self.numerics = session, set[bytes](), session.numerics

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        known = {name: np.zeros_like(a) if a.tobytes() in self._said else a for name, a in inputs.items()}
        outputs = self._session.run(known)
        self._said |= {outputs[name].tobytes() for name in STATE.values()}
        return outputs


def test_an_engine_that_forgets_is_seen_in_step_2(bundle: Bundle) -> None:
    result = replay(bundle, Forgetful(torchferry.Session(bundle, "onnxruntime")), engine="onnxruntime", device="cpu")
    assert list(dict.fromkeys(v.case for v in result.verdicts if not v.passed)) == STEPS[1:]


def test_the_bounds_hold_on_streams_that_nobody_has_seen(bundle: Bundle) -> None:
    """2000 streams of 8 steps side by side, against a loop in float64."""
    rng, module = np.random.default_rng(5), cell().double()
    stream = torchferry.Stream(torchferry.Session(bundle, "onnxruntime"), samples=2000)
    h = c = torch.zeros(2000, 8, dtype=torch.float64)
    for _ in range(8):
        sample = rng.uniform(-1, 1, (2000, 3)).astype(np.float32)
        got = stream.run({"sample": sample})
        with torch.inference_mode():
            answer, h, c = module(torch.from_numpy(sample).double(), h, c)
        for name, value in (("answer", answer), ("next_h", h), ("next_c", c)):
            row = bundle.manifest.tolerance(engine="onnxruntime", device="cpu", output=name, numerics="")
            assert row is not None
            assert np.abs(got[name] - value.numpy()).max() <= row.bound


class Sum(nn.Module):
    """Adds what it is given to what it was given before."""

    def forward(self, sample: Tensor, total: Tensor) -> Tensor:
        return total + 0.1 * sample


def test_a_bound_that_grows_with_the_steps_says_so(tmp_path: Path) -> None:
    """Of the first step's rounding, 2^-25 and the product's, eight are added up; the goldens' own totals are as small as a step."""
    inputs = {"sample": "float32[N,3]:-1..1", "total": "float32[N,3]:-0.01..0.01"}
    found, notes = export(Sum().eval(), tmp_path / "sum", inputs=inputs, outputs=["next"], state={"total": "next"})
    assert len(steps_of(found)) == 8, notes
    row = found.manifest.tolerance(engine="torchscript", device="cpu", output="next", numerics="")
    assert row is not None
    assert row.reason.endswith("so far off in the last of 8 steps, each with the state of the one before")
    case = steps_of(found)[-1]
    assert np.abs(case.float32["next"] - case.float64["next"]).max() <= row.bound


class Chaos(nn.Module):
    """Folded again and again: what a step is off by is up to 8 times that in the next one."""

    def forward(self, sample: Tensor, x: Tensor) -> Tensor:
        return torch.sin(8 * x + sample)


def test_errors_that_grow_faster_than_the_steps_shorten_the_stream(tmp_path: Path) -> None:
    inputs = {"sample": "float32[N,3]:0..3", "x": "float32[N,3]:-1..1"}
    found, notes = export(Chaos().eval(), tmp_path / "chaos", inputs=inputs, outputs=["next"], state={"x": "next"})
    assert len(steps_of(found)) < 8
    assert found.manifest.contract.state == {"x": "next"}
    assert bool(steps_of(found)) != any("the bundle has no stream" in note for note in notes)


class Divided(nn.Module):
    """A state of zeros is none."""

    def forward(self, sample: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        return sample / scale, scale + sample * sample


def test_a_state_that_cannot_be_zero_has_no_stream_and_a_note_says_so(tmp_path: Path) -> None:
    inputs = {"sample": "float32[N,3]:0.1..1", "scale": "float32[N,3]:1..2"}
    found, notes = export(
        Divided().eval(), tmp_path / "divided", inputs=inputs, outputs=["answer", "next"], state={"scale": "next"}
    )
    assert steps_of(found) == []
    assert [note for note in notes if note.startswith("the bundle has no stream: within 2 steps from a state of zeros")]


def test_int8_is_measured_over_the_steps_too(tmp_path: Path, ferry: Program) -> None:
    found, _ = export(cell(), tmp_path / "int8", to=["c"], quantize="int8", calibration=calibration())
    assert len(steps_of(found)) == 8
    here, there, _ = verify_in_both(ferry, found.folder)
    for program in (here, there):
        assert failed(program, "c-int8") == []
    row = found.manifest.tolerance(engine="c-int8", device="cpu", output="next_c", numerics="")
    assert row is not None
    worst = [v for item in here["engines"] if item["engine"] == "c-int8" for v in item["verdicts"] if v["output"] == "next_c"]
    in_steps = max(v["max_abs"] for v in worst if v["case"] in STEPS)
    assert in_steps <= row.bound


def calibration() -> dict[str, Array]:
    rng = np.random.default_rng(1)
    return {name: rng.uniform(-1, 1, (256, width)).astype(np.float32) for name, width in (("sample", 3), ("h", 8), ("c", 8))}


def _given_after(value: Any) -> None:
    cases = value["golden"]["cases"]
    cases.append(cases.pop(1))


BROKEN: dict[str, tuple[Callable[[Any], object], str]] = {
    "no state": (
        lambda value: value["contract"].pop("state"),
        "golden.cases[2].origin: got stream, expected given or stress: the contract has no state",
    ),
    "not last": (_given_after, "golden.cases[9].origin: got given after stream, expected the steps last"),
    "alone": (
        lambda value: value["golden"].update(cases=value["golden"]["cases"][2:]),
        "golden.cases[0].origin: got stream, expected two steps or more behind another case",
    ),
    "one step": (
        lambda value: value["golden"].update(cases=value["golden"]["cases"][:3]),
        "golden.cases[2].origin: got stream, expected two steps or more behind another case",
    ),
    "a state": (
        lambda value: value["golden"]["cases"][3]["inputs"].update(
            h={**value["golden"]["cases"][1]["inputs"]["h"], "path": "golden/h.npy"}
        ),
        "golden.cases[3].inputs.h: got a name that is not in the contract",
    ),
    "another origin": (
        lambda value: value["golden"]["cases"][9].update(origin="drawn"),
        'golden.cases[9].origin: got "drawn", expected one of given, stress, stream',
    ),
}


@pytest.mark.parametrize("case", list(BROKEN))
def test_both_readers_refuse_steps_that_are_no_stream(bundle: Bundle, tmp_path: Path, case: str) -> None:
    change, words = BROKEN[case]
    folder = Path(shutil.copytree(bundle.folder, tmp_path / "broken"))
    edit_manifest(folder, change)
    with pytest.raises(FerryError) as caught:
        open_bundle(folder)
    done = run_program(FERRY_RUN, "inspect", folder)
    assert (caught.value.code, done.code) == (ExitCode.FORMAT, ExitCode.FORMAT)
    assert words in str(caught.value)
    assert words in done.stderr


@pytest.mark.parametrize("name", ["batch-64.float32.answer", "batch-64.float64.next_h", "stream-8-step-5.float64.answer"])
def test_a_golden_of_fewer_rows_is_a_broken_bundle_and_no_mismatch(
    bundle: Bundle, ferry: Program, tmp_path: Path, name: str
) -> None:
    folder = Path(shutil.copytree(bundle.folder, tmp_path / "short"))
    path = folder / "golden" / f"{name}.npy"
    rows = np.load(path)
    np.save(path, rows[:-1])
    reseal(folder)
    words = f"golden case {name.partition('.')[0]}: output {name.rpartition('.')[2]}: shape ["
    for done in (
        ferry("verify", folder, "--engine", "onnxruntime"),
        run_program(FERRY_RUN, "verify", folder, "--engine", "onnxruntime"),
    ):
        assert done.code == ExitCode.FORMAT, done.stderr
        assert words in done.stderr
        assert f"dim 0: got {len(rows) - 1}, expected N = {len(rows)} as in the other tensors of this call" in done.stderr


def test_of_two_cases_at_fault_both_programs_name_the_first_of_the_manifest(
    bundle: Bundle, ferry: Program, tmp_path: Path
) -> None:
    """C++ warms a session up with the smallest case first, which is `batch-1` here."""
    folder = Path(shutil.copytree(bundle.folder, tmp_path / "two"))
    for case in ("batch-64", "batch-1"):
        path = folder / "golden" / f"{case}.input.sample.npy"
        values = np.load(path)
        values[0, 0] = np.nan
        np.save(path, values)
    reseal(folder)
    for done in (
        ferry("verify", folder, "--engine", "onnxruntime"),
        run_program(FERRY_RUN, "verify", folder, "--engine", "onnxruntime"),
    ):
        assert done.code == ExitCode.FORMAT
        assert "golden case batch-64: input sample: element [0,0]: got nan" in done.stderr
