"""Text from a bundle or a file reaches a terminal and a CSV file only through the sanitiser, in both programs, on stdout as on stderr."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.bundles import edit_manifest
from builders.programs import Finished, Program

EVIL = "\x1b]0;owned\x07\x1b[2J\r\n\t\x7f\x85\x9b31m\u202egnp.exe\u2066\u2028\u200f\ufeff\U000e0041"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\x0d\x0a\x09\x7f\x85\x9b31m\u202egnp.exe\u2066\u2028\u200f\ufeff\U000e0041"


def assert_harmless(data: bytes | str) -> None:
    text = data.decode() if isinstance(data, bytes) else data
    acting = [
        c for c in text if c != "\n" and (unicodedata.category(c) in ("Cc", "Zl", "Zp") or (c in EVIL and not c.isprintable()))
    ]
    assert not acting, [hex(ord(c)) for c in acting]


def infect(value: Any) -> None:
    """EVIL at the end of every text that the format leaves free."""
    for artifact in value["artifacts"]:
        artifact["producer"] += EVIL
        artifact["requires"] = {**artifact["requires"], "note" + EVIL: EVIL}
    value["golden"]["description"] += EVIL
    value["golden"]["numerics"] += EVIL
    for row in value["tolerances"]:
        row["reason"] += EVIL
    for spec in value["contract"]["inputs"] + value["contract"]["outputs"]:
        spec["unit"] = EVIL
    value["contract"]["classes"]["names"] = [name + EVIL for name in value["contract"]["classes"]["names"]]
    training = value["training"]
    training.update(recipe=training["recipe"] + EVIL, dataset=EVIL)
    training["metrics"][EVIL] = 1.0
    training["versions"][EVIL] = EVIL


@pytest.fixture
def infected(iris: Path) -> Path:
    edit_manifest(iris, infect)
    return iris


def test_inspect_shows_every_text_as_harmless_lines(quick_program: Program, infected: Path) -> None:
    done = quick_program("inspect", infected)
    assert done.code == 0, done.stderr
    assert_harmless(done.stdout)
    assert SHOWN in done.stdout.decode()


def test_inspect_as_json_is_harmless_and_reads_back(quick_program: Program, infected: Path) -> None:
    done = quick_program("inspect", infected, "--json")
    assert_harmless(done.stdout)
    assert json.loads(done.stdout)["manifest"] == json.loads((infected / "manifest.json").read_text())


def verified(program: Program, bundle: Path, engine: str, *options: str) -> Finished:
    """Against another golden, so that evidence with its reason is shown."""
    return program("verify", bundle, "--engine", engine, *options)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_verify_shows_evidence_as_harmless_lines(
    quick_program: Program, infected: Path, engine: str, options: tuple[str, ...]
) -> None:
    from builders.bundles import reseal

    path = infected / "golden" / "batch-1.float64.net_input.npy"
    np.save(path, np.load(path) + 1)
    reseal(infected)
    done = verified(quick_program, infected, engine, *options)
    assert done.code == 1, done.stderr
    assert_harmless(done.stdout)
    assert ("owned" in done.stdout.decode()) is True


def predicted(program: Program, bundle: Path, engine: str, form: str) -> str:
    done = program(
        "predict", bundle, "--engine", engine, "--input", bundle / "golden" / "batch-1.input.measurements.npy", "--format", form
    )
    assert done.code == 0, done.stderr
    assert_harmless(done.stdout)
    return str(done.stdout.decode())


def test_predict_writes_class_names_that_are_harmless(quick_program: Program, infected: Path, engine: str) -> None:
    names = json.loads((infected / "manifest.json").read_text())["contract"]["classes"]["names"]
    assert json.loads(predicted(quick_program, infected, engine, "jsonl"))["class"] in names
    lines = predicted(quick_program, infected, engine, "csv").splitlines()
    assert len(lines) == 2, "a new line in a class name is no new row"
    assert lines[1].endswith(SHOWN)


def test_both_programs_write_the_same_class(ferry_here: Program, ferry_run: Program, infected: Path) -> None:
    for form in ("jsonl", "csv"):
        python, cpp = predicted(ferry_here, infected, "onnxruntime", form), predicted(ferry_run, infected, "torchscript", form)
        assert python.rpartition("owned")[2] == cpp.rpartition("owned")[2]


def test_a_path_is_shown_as_a_harmless_line(quick_program: Program, iris: Path, engine: str) -> None:
    bundle = Path(shutil.copytree(iris, iris.parent / EVIL.replace("/", "").replace("\x00", "")))
    for arguments in (
        ("inspect", bundle),
        ("verify", bundle, "--engine", engine),
        ("inspect", bundle / "golden"),
        ("verify", bundle, "--engine", EVIL),
    ):
        done = quick_program(*arguments)
        assert_harmless(done.stdout)
        assert_harmless(done.stderr)
