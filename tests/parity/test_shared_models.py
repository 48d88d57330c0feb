"""Sessions of one bundle: how many calls run at once, one model in memory for all, and mapped files."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from builders.programs import ROOT
from builders.zoo import Zoo
from torchferry import native
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter.api import export

DIGITS = ROOT / "exported" / "digits-mlp"
THREADS = 4


@pytest.fixture(scope="module")
def program(zoo: Zoo) -> Path:
    """A bundle with an ExecuTorch program."""
    try:
        return Path(str(zoo.bundle("classifier", "executorch")))
    except FerryError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("engine", ["onnxruntime", "torchscript"])
def test_calls_need_not_wait(engine: str) -> None:
    assert native.open_bundle(DIGITS).session(engine).concurrency == 0
    assert Session(open_bundle(DIGITS), engine).concurrency == 0


def test_an_isolated_model_takes_one_call_at_a_time() -> None:
    bundle = native.open_bundle(DIGITS)
    bundle.isolate()
    assert bundle.session("onnxruntime").concurrency == 1


@pytest.mark.parametrize("models", [0, 100_000])
def test_models_must_be_some(models: int) -> None:
    bundle = native.open_bundle(DIGITS)
    bundle.set_models(models)
    with pytest.raises(FerryError, match=f"models: got {models}, expected 1 to ") as caught:
        bundle.session("onnxruntime")
    assert caught.value.code == ExitCode.USAGE


def answers_of_many_threads(path: Path, engine: str) -> None:
    """Calls of more threads than models wait, and every answer has the bits of a call alone."""
    bundle, opened = native.open_bundle(path), open_bundle(path)
    bundle.allow_native()
    inputs = read_case(opened, opened.manifest.golden.cases[0]).inputs
    alone = bundle.session(engine)
    assert alone.concurrency == 1
    expected = alone.run(inputs)
    bundle.set_models(3)
    several = bundle.session(engine)
    assert several.concurrency == 3
    wrong: list[str] = []
    answered: list[int] = []

    def call() -> None:
        for _ in range(50):
            answers = several.run(inputs)
            wrong.extend(name for name in expected if not np.array_equal(answers[name], expected[name]))
            answered.append(1)

    threads = [threading.Thread(target=call) for _ in range(2 * THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(answered) == 2 * THREADS * 50  # a thread that failed would have left some out


def test_executorch_has_as_many_methods_as_asked_for(program: Path) -> None:
    answers_of_many_threads(program, "executorch")


@pytest.mark.slow
def test_aoti_has_as_many_models_as_asked_for(zoo: Zoo) -> None:
    answers_of_many_threads(Path(str(zoo.bundle("classifier", "aoti"))), "aoti")


def test_mapped_files_pass_and_are_mapped(program: Path) -> None:
    bundle = native.open_bundle(program)
    bundle.map_files()
    assert bundle.verify("executorch").passed
    session = bundle.session("executorch")
    (file,) = (
        entry.path
        for artifact in open_bundle(program).manifest.artifacts
        if artifact.engine == "executorch"
        for entry in artifact.files
    )
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(file)]
    assert len(mapped) == 1  # by two sessions
    session.close()


def test_mapped_weights_of_torchscript_outlive_the_session_that_opened_them() -> None:
    """Sessions of one digest have one model, whichever of them is closed first."""
    bundle, opened = native.open_bundle(DIGITS), open_bundle(DIGITS)
    inputs = read_case(opened, opened.manifest.golden.cases[0]).inputs
    copied = bundle.session("torchscript")
    expected = copied.run(inputs)
    bundle.map_files()
    first, second = bundle.session("torchscript"), bundle.session("torchscript")
    first.close()
    answers = second.run(inputs)
    assert all(answers[name].tobytes() == expected[name].tobytes() for name in expected)
    assert any("model.ts.pt" in line for line in Path("/proc/self/maps").read_text().splitlines())
    second.close()
    assert not any("model.ts.pt" in line for line in Path("/proc/self/maps").read_text().splitlines())


def test_a_file_that_another_user_may_write_is_not_mapped(program: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(program, tmp_path / "bundle")
    for file in copied.rglob("*.pte"):
        file.chmod(0o666)
    bundle = native.open_bundle(copied)
    bundle.session("executorch").close()
    bundle.map_files()
    with pytest.raises(FerryError, match="another user may write while it is mapped") as caught:
        bundle.session("executorch")
    assert caught.value.code == ExitCode.INTEGRITY


def test_a_file_that_changed_since_the_bundle_was_opened_is_refused(program: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(program, tmp_path / "bundle")
    bundle = native.open_bundle(copied)
    (file,) = copied.glob("*.pte")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    bundle.map_files()
    with pytest.raises(FerryError, match="sha256: got") as caught:
        bundle.session("executorch")
    assert caught.value.code == ExitCode.INTEGRITY


MEMORY = r"""
import ctypes, hashlib, re, sys
import numpy as np
from torchferry import native

bundle = native.open_bundle(sys.argv[1])
if sys.argv[4:] == ["map"]:
    bundle.map_files()
inputs = {"x": np.ones((1, 2048), np.float32)}
sessions = [bundle.session(sys.argv[2]) for _ in range(int(sys.argv[3]))]
digests = {hashlib.sha256(session.run(inputs)["y"].tobytes()).hexdigest() for session in sessions}
ctypes.CDLL(None).malloc_trim(0)
memory = open("/proc/self/smaps_rollup").read()
print(*(re.search(rf"^{kind}:\s+(\d+)", memory, re.MULTILINE)[1] for kind in ("Rss", "Private_Dirty")), *digests)
"""


def memory(bundle: Path, engine: str, *words: str) -> tuple[int, int, str]:
    """KiB of a process: all that it has, and what is its own; and the digest of its answers."""
    done = subprocess.run([sys.executable, "-c", MEMORY, str(bundle), engine, *words], check=True, capture_output=True, text=True)
    has, own, digest = done.stdout.split()
    return int(has), int(own), digest


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """33.6 MB of weights."""
    folder = tmp_path_factory.mktemp("large") / "bundle"
    module = nn.Sequential(nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, 2048)).eval()
    export(module, inputs={"x": "float32[N,2048]:-1..1"}, outputs=["y"], to=["torchscript", "onnx"], out=folder, stress=False)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnxruntime", "torchscript"])
def test_four_sessions_hold_the_weights_once(large: Path, engine: str) -> None:
    (one, *_), (four, *_) = memory(large, engine, "1"), memory(large, engine, "4")
    assert four - one < 2 * 1024  # KiB; each had 33,600 of its own before models were shared


OPENING = r"""
import ctypes, re, sys
from torchferry import native

path, engine, runtime = sys.argv[1:]

def number(file, key):
    return int(re.search(rf"^{key}:\s+(\d+)", open(f"/proc/self/{file}").read(), re.MULTILINE)[1])

def cost(step):
    ctypes.CDLL(None).malloc_trim(0)
    open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
    before, read = number("status", "VmRSS") * 1024, number("io", "rchar")
    made = step()
    print(number("io", "rchar") - read, number("status", "VmHWM") * 1024 - before, number("status", "VmRSS") * 1024 - before)
    return made

warm = native.open_bundle(runtime).session(engine)  # the runtime itself
bundle = cost(lambda: native.open_bundle(path))
first = cost(lambda: bundle.session(engine))
second = cost(lambda: bundle.session(engine))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "file", "stays"), [("torchscript", "model.ts.pt", 1.2), ("onnxruntime", "model.onnx", 1.6)])
def test_opening_costs_the_artifact_once(large: Path, engine: str, file: str, stays: float) -> None:
    """Read once to be checked and once to be loaded; a second session reads nothing. onnxruntime's kernels pack a copy of half."""
    done = subprocess.run([sys.executable, "-c", OPENING, large, engine, DIGITS], check=True, capture_output=True, text=True)
    opened, first, second = ([int(word) for word in line.split()] for line in done.stdout.splitlines())
    artifact, whole = (large / file).stat().st_size, sum(each.stat().st_size for each in large.rglob("*") if each.is_file())
    assert opened[0] <= 1.2 * whole
    assert opened[1] <= 0.2 * artifact
    assert first[0] <= 1.2 * artifact
    assert first[2] <= stays * artifact
    assert second[0] <= 0.2 * artifact
    assert second[1] <= 0.2 * artifact


@pytest.mark.slow
def test_mapped_weights_of_torchscript_are_no_process_s_own(large: Path) -> None:
    """Those of onnxruntime are: it packs a copy."""
    _, own, digest = memory(large, "torchscript", "1")
    _, mapped, same = memory(large, "torchscript", "1", "map")
    assert own - mapped > 32_000  # KiB, of 33,600
    assert digest == same
