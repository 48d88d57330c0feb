"""libferry as WebAssembly, with both reference models linked in: the same bits, verdicts and codes in Node and in Chromium.

FERRY_CROSS_BUILDS names a folder whose folder `wasm` is such a build, to be brought up to date.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.bundles import reseal
from builders.chromium import PROGRAM, Page, chromium
from builders.other_systems import WASM, build
from builders.programs import Finished, Program, run_here, run_program
from builders.trained import Trained
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session
from torchferry.errors import ExitCode

pytestmark = pytest.mark.slow
NAMES = ("iris-adaline", "digits-mlp")


@pytest.fixture(scope="session")
def bundles(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both bundles with C, and each as its one file beside it."""
    folder = tmp_path_factory.mktemp("bundles")
    for name in NAMES:
        shutil.copytree(trained.bundle_for(name, "c"), folder / name)
        assert run_here("pack", folder / name, "--out", folder / f"{name}.ferry").code == 0
    return folder


@pytest.fixture(scope="session")
def package(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The npm package, built once."""
    if WASM.missing:
        pytest.skip(f"{', '.join(WASM.missing)} not installed; run `make setup-cross`")
    builds = Path(os.environ.get("FERRY_CROSS_BUILDS", "") or tmp_path_factory.mktemp("cross"))
    return build(WASM, builds / "wasm", [bundles / name for name in NAMES]).parent


@pytest.fixture
def crossing(package: Path) -> Program:
    """The example program of the package, under Node."""
    return lambda *words, stdin=b"": run_program(["node", str(package / "crossing.js")], *words, stdin=stdin)


def flipped(bundle: Path, out: Path) -> Path:
    """The one file with one other bit in the model's C."""
    content = bytearray(bundle.read_bytes())
    content[content.index(b"ferrySelftest")] ^= 1
    out.write_bytes(content)
    return out


def other_golden(bundle: Path, folder: Path) -> Path:
    """The one file of a bundle whose golden says something else, with the digests that fit."""
    shutil.copytree(bundle, folder)
    golden = next((folder / "golden").glob("batch-64.float64.*.npy"))
    values = np.load(golden)
    np.save(golden, values + 1)
    reseal(folder)
    assert run_here("pack", folder, "--out", folder.with_suffix(".ferry")).code == 0
    return folder.with_suffix(".ferry")


def told_by(ferry_run: Program, bundle: Path) -> dict[str, Any]:
    """This machine's report."""
    told: dict[str, Any] = json.loads(ferry_run("verify", bundle, "--allow-native", "--json").stdout)
    return told


def ran(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The engines that ran: each largest difference to its last digit."""
    engines = [engine for engine in report["engines"] if engine["status"] != "unavailable"]
    assert [engine["engine"] for engine in engines] == ["c"]
    return engines


@pytest.mark.parametrize("name", NAMES)
def test_64_goldens_give_one_hash(name: str, crossing: Program, bundles: Path) -> None:
    bundle = open_bundle(bundles / name)
    (case,) = (case for case in bundle.manifest.golden.cases if case.name == "batch-64")
    inputs = read_case(bundle, case).inputs
    done = crossing("run", bundles / f"{name}.ferry", "c", stdin=b"".join(value.tobytes() for value in inputs.values()))
    assert done.code == 0, done.stderr
    outputs = Session(bundle, "c", allow_native=True).run(
        inputs
    )  # the same C by this machine's compiler; knows nothing of libferry
    expected = b"".join(outputs[spec.name].tobytes() for spec in bundle.contract.outputs)
    assert hashlib.sha256(done.stdout).hexdigest() == hashlib.sha256(expected).hexdigest()


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_is_that_of_ferry_run(name: str, crossing: Program, ferry_run: Program, bundles: Path) -> None:
    done = crossing("verify", bundles / f"{name}.ferry")
    assert done.code == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["passed"]
    assert ran(report) == ran(told_by(ferry_run, bundles / name))
    assert report["machine"]["architecture"] == "wasm32"


def test_a_flipped_bit_is_refused(crossing: Program, ferry_run: Program, bundles: Path, tmp_path: Path) -> None:
    broken = flipped(bundles / "digits-mlp.ferry", tmp_path / "broken.ferry")
    done = crossing("verify", broken)
    assert (done.code, done.stdout) == (ExitCode.INTEGRITY, b"")
    words = ferry_run("verify", broken).stderr
    assert done.stderr.partition("engine.c: ")[2] == words.partition("engine.c: ")[2] != ""


def test_another_golden_is_a_mismatch_with_a_report(crossing: Program, bundles: Path, tmp_path: Path) -> None:
    done = crossing("verify", other_golden(bundles / "iris-adaline", tmp_path / "iris-adaline"))
    assert done.code == ExitCode.MISMATCH, done.stderr
    assert not json.loads(done.stdout)["passed"]
    assert done.stderr.startswith("error: iris-adaline: ")


def test_a_bundle_whose_model_is_not_linked_in_is_unavailable(crossing: Program, zoo_file: Path) -> None:
    done = crossing("run", zoo_file, "c", stdin=bytes(64))
    assert done.code == ExitCode.UNAVAILABLE, done.stderr
    assert "link the bundle in" in done.stderr


@pytest.fixture
def zoo_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The one file of a bundle that the package was not built with."""
    out = tmp_path / "other.ferry"
    assert run_here("pack", request.getfixturevalue("zoo").bundle("classifier", "c"), "--out", out).code == 0
    return out


# What a program does wrong -> the code, and words of the one line.
MISUSE = {
    "ferry.openMemory('digits')": (ExitCode.USAGE, "bytes: got something else, expected a Uint8Array"),
    "ferry.openMemory(new Uint8Array(9))": (ExitCode.FORMAT, "memory"),
    "bundle.session('torchscript')": (ExitCode.UNAVAILABLE, "engine 'torchscript'"),
    "bundle.verify({engine: 'executorch'})": (ExitCode.UNAVAILABLE, "this bundle has no artifact for engine 'executorch'"),
    "bundle.session('c\\0')": (ExitCode.USAGE, "engine: got "),
    "bundle.session('c', {threads: 4294967297})": (ExitCode.USAGE, "threads: got 4294967297, expected a whole number"),
    "bundle.session('c', {threads: '2'})": (ExitCode.USAGE, "threads: got '2', expected a whole number"),
    "bundle.verify({calls: 4294967297})": (ExitCode.USAGE, "calls: got 4294967297, expected a whole number"),
    "bundle.verify({calls: 1.5})": (ExitCode.USAGE, "calls: got 1.5, expected a whole number"),
    "bundle.session('c').run()": (ExitCode.BAD_INPUT, "inputs: got undefined, expected tensors by name"),
    "bundle.session('c').run({image: null})": (ExitCode.BAD_INPUT, "input image: got null, expected a shape and a typed array"),
    **{
        f"bundle.session('c').run({{image: {{shape: {shape}, data: new Uint8Array(64)}}}})": (
            ExitCode.BAD_INPUT,
            f"input image: shape: got {got}, expected whole numbers",
        )
        for shape, got in (("[1.5, 8, 8]", "1.5,8,8"), ("[2 ** 64 + 4096, 8, 8]", "18446744073709556000,8,8"), ("3", "3"))
    },
    "bundle.session('c').run({'image\\0': {shape: [1, 8, 8], data: new Uint8Array(64)}})": (ExitCode.USAGE, "input: got "),
    "bundle.session('c').run({})": (ExitCode.BAD_INPUT, "image"),
    "bundle.session('c').run({image: {shape: [1, 8, 8], data: [0]}})": (
        ExitCode.BAD_INPUT,
        "input image: data: got no typed array",
    ),
    "bundle.session('c').run({image: {shape: [1, 8, 8], data: new Uint8Array(63)}})": (ExitCode.BAD_INPUT, "63"),
    "bundle.session('c').run({image: {shape: [1, 8, 8], data: new Float32Array(64)}})": (ExitCode.BAD_INPUT, "float32"),
    "{const s = bundle.session('c'); s.close(); s.run({})}": (ExitCode.USAGE, "session: got one that was closed"),
    "{bundle.close(); bundle.verify()}": (ExitCode.USAGE, "bundle: got one that was closed"),
}


def answer(package: Path, bundle: Path, expression: str) -> Finished:
    """What Node says of one expression about a bundle."""
    script = f"""
      const torchferry = require({json.dumps(str(package / "torchferry.js"))})
      torchferry.load().then((ferry) => {{
        const bundle = ferry.openMemory(new Uint8Array(require('fs').readFileSync({json.dumps(str(bundle))})))
        bundle.allowNative()
        {expression}
      }}).catch((error) => {{ console.error(`error: ${{error.message}}`); process.exitCode = error.code ?? 9 }})"""
    return run_program(["node", "-e", script])


@pytest.mark.parametrize("expression", MISUSE)
def test_misuse_has_its_code_and_one_line(expression: str, package: Path, bundles: Path) -> None:
    code, word = MISUSE[expression]
    done = answer(package, bundles / "digits-mlp.ferry", expression)
    assert done.code == code, done.stderr
    assert word in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_borrowed_is_given_back(package: Path, bundles: Path) -> None:
    """Inputs of 33 MB in calls that succeed and as many in calls that fail: the memory, of 16 MiB at first, does not grow."""
    loop = """
      const session = bundle.session('c'), image = { shape: [256, 8, 8], data: new Uint8Array(16384) }
      const size = () => ferry.core.HEAPU8.length
      session.run({ image })
      const before = size()
      for (let i = 0; i < 2000; i++) session.run({ image })
      for (let i = 0; i < 2000; i++) try { session.run({ image: { ...image, shape: [255, 8, 8] } }) } catch {}
      console.log(size() - before)"""
    done = answer(package, bundles / "digits-mlp.ferry", loop)
    assert (done.code, done.stdout) == (0, b"0\n"), done.stderr


def test_the_program_s_own_errors_are_left_to_it(package: Path, bundles: Path) -> None:
    events = "['uncaughtException', 'unhandledRejection'].map((event) => process.listenerCount(event))"
    done = answer(package, bundles / "digits-mlp.ferry", f"console.log(...{events})")
    assert done.stdout == b"0 0\n"


def test_the_types_name_what_the_classes_have(package: Path, bundles: Path) -> None:
    typed = (package / "torchferry.d.ts").read_text()
    listing = """
      const all = (one) => [...Object.keys(one), ...Object.getOwnPropertyNames(Object.getPrototypeOf(one))].filter((key) => key !== 'constructor')
      console.log(JSON.stringify({ Bundle: all(bundle), Session: all(bundle.session('c')) }))"""
    for name, members in json.loads(answer(package, bundles / "digits-mlp.ferry", listing).stdout).items():
        (body,) = re.findall(rf"^export class {name} {{\n(.*?)^}}", typed, re.MULTILINE | re.DOTALL)
        assert sorted(re.findall(r"^  (?:readonly )?(\w+)[(:]", body, re.MULTILINE)) == sorted(members)


@pytest.fixture(scope="module")
def page(package: Path) -> Iterator[Page]:
    """The page of the package, opened from disk."""
    if PROGRAM is None:
        pytest.skip("chromium is not installed; run `make setup-edge`")
    with chromium() as browser:
        browser.open((package / "verify.html").as_uri())
        yield browser


def shown(page: Page, bundle: Path) -> tuple[str, str]:
    """The verdict and the report that the page shows of a file."""
    content = base64.b64encode(bundle.read_bytes()).decode()
    page.evaluate(f"verify(Uint8Array.from(atob('{content}'), (letter) => letter.charCodeAt(0)))")
    verdict, report = (page.evaluate(f"document.getElementById('{name}').textContent") for name in ("verdict", "report"))
    return verdict, report


@pytest.mark.parametrize("name", NAMES)
def test_a_browser_verifies(name: str, page: Page, package: Path, ferry_run: Program, bundles: Path) -> None:
    verdict, report = shown(page, bundles / f"{name}.ferry")
    assert verdict == f"PASSED {name}"
    assert ran(json.loads(report)) == ran(told_by(ferry_run, bundles / name))
    assert page.problems == []
    assert set(page.requests) == {(package / file).as_uri() for file in ("verify.html", "torchferry.js")}


def test_a_browser_refuses_a_flipped_bit_and_another_golden(page: Page, bundles: Path, tmp_path: Path) -> None:
    verdict, report = shown(page, flipped(bundles / "digits-mlp.ferry", tmp_path / "broken.ferry"))
    assert "engine.c: sha256: got " in verdict
    assert verdict.startswith("error: ")
    assert report == ""
    verdict, report = shown(page, other_golden(bundles / "iris-adaline", tmp_path / "iris-adaline"))
    assert verdict.startswith("FAILED iris-adaline: ")
    assert not json.loads(report)["passed"]
