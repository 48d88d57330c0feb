"""The acceptance in C++: what the manifest says where ferry-run is there, where it is not, and what is not published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import torchferry
from builders.programs import BUILD, Program, run_here
from torchferry.bundle.reader import Bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.exporter import both_languages
from torchferry.exporter.both_languages import check_in_cpp
from torchferry.proof import ferry_run as programs
from torchferry.version import VERSION


class Linear(nn.Module):
    """A layer without anything that an engine could lack."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N,4] -> [N,3]."""
        result: torch.Tensor = self.layer(x)
        return result


class Scaled(nn.Module):
    """An argument with a default value is no input."""

    def forward(self, x: torch.Tensor, scale: float = 2.0) -> torch.Tensor:
        """[N,4] -> [N,4]."""
        return x * scale


def export(out: Path, module: nn.Module | None = None, **options: Any) -> Bundle:
    return torchferry.export((module or Linear()).eval(), inputs={"x": "float32[N,4]"}, outputs=["y"], out=out, **options)


def accepted(bundle: Bundle) -> dict[str, str]:
    return {artifact.engine: artifact.accepted.cpp for artifact in bundle.manifest.artifacts}


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of ferry-run, to be filled with shell commands for `verify`."""
    path = tmp_path / "bin" / "ferry-run"
    path.parent.mkdir()
    monkeypatch.setattr(both_languages, "find_ferry_run", lambda _: path)
    return path


def fill(path: Path, commands: str, version: str = VERSION) -> None:
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo ferry-run {version} && exit 0\n{commands}\n')
    path.chmod(0o755)


def says(**result: object) -> str:
    """Return commands that print what verify prints of one engine."""
    return f"cat <<'END'\n{json.dumps({'engines': [result]})}\nEND"


def refusal(out: Path) -> FerryError:
    with pytest.raises(FerryError) as caught:
        export(out)
    assert not out.exists()
    assert [path.name for path in out.parent.iterdir()] == ["bin"]
    assert "\n" not in str(caught.value)
    return caught.value


def test_every_engine_of_cpp_has_run_before_a_bundle_is_published(ferry_run: Program, tmp_path: Path) -> None:
    bundle = export(tmp_path / "y")
    assert accepted(bundle) == {"eager": "not run: C++ has no such engine", "onnxruntime": "passed", "torchscript": "passed"}
    assert [artifact.accepted.python for artifact in bundle.manifest.artifacts] == ["passed"] * 3
    assert ferry_run("verify", bundle.folder).code == 0


def test_a_scale_with_a_default_value_is_published_and_runs_in_cpp(ferry_run: Program, tmp_path: Path) -> None:
    bundle = export(tmp_path / "y", Scaled())
    assert accepted(bundle)["torchscript"] == "passed"
    assert ferry_run("verify", bundle.folder, "--engine", "torchscript").code == 0


def test_generated_c_runs_in_cpp_too(ferry_run: Program, tmp_path: Path) -> None:
    assert ferry_run("--version").code == 0
    assert accepted(export(tmp_path / "y", to=["c"]))["c"] == "passed"


def test_without_a_program_the_manifest_and_inspect_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program
) -> None:
    monkeypatch.setattr(both_languages, "find_ferry_run", lambda _: None)
    bundle = export(tmp_path / "y")
    words = "not run: no ferry-run was found with this package or on PATH"
    assert set(accepted(bundle).values()) == {words}
    shown = program("inspect", bundle.folder).stdout.decode()
    assert shown.count(words) == 3
    assert shown.count("in python: passed") == 3


def test_a_program_of_another_version_says_nothing_of_this_one(tmp_path: Path, stand_in: Path) -> None:
    fill(stand_in, "exit 1", version="0.0.9")
    found = accepted(export(tmp_path / "y"))
    assert set(found.values()) == {f"not run: ferry-run has version 0.0.9, this package {VERSION}"}


def test_an_engine_that_is_not_here_is_no_refusal(tmp_path: Path, stand_in: Path) -> None:
    fill(stand_in, says(engine="torchscript", status="unavailable", reason="no such plugin", verdicts=[]) + "\nexit 5")
    found = accepted(export(tmp_path / "y", to=["torchscript"]))
    assert found["torchscript"] == "not run: no such plugin"


def test_an_export_says_which_engines_cpp_could_not_run_and_why(tmp_path: Path, stand_in: Path) -> None:
    answers = [
        {"engine": "torchscript", "status": "unavailable", "reason": "got LibTorch 9.8.7, expected 2.13.0", "verdicts": []},
        {"engine": "onnxruntime", "status": "passed", "reason": None, "verdicts": []},
    ]
    fill(stand_in, f"cat <<'END'\n{json.dumps({'engines': answers})}\nEND")
    notes: list[str] = []
    export(tmp_path / "y", note=notes.append)
    assert notes == ["C++ could not run torchscript: got LibTorch 9.8.7, expected 2.13.0"]  # eager is of Python alone


def test_an_export_without_a_program_says_that_cpp_ran_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(both_languages, "find_ferry_run", lambda _: None)
    options = ["--input", "image=uint8[N,4,4]:0..255", "--to", "torchscript,onnx", "--out", tmp_path / "y"]
    done = run_here("export", "builders.models:Classifier", *options)
    why = "no ferry-run was found with this package or on PATH"
    assert f"note: C++ could not run onnxruntime, torchscript: {why}\n" in done.stderr
    assert done.stdout.decode().endswith(
        "every artifact agrees with eager on synthetic inputs; C++ could not run onnxruntime, torchscript\n"
    )


def test_no_engine_that_can_run_is_no_refusal(tmp_path: Path, stand_in: Path) -> None:
    fill(stand_in, "echo error: no engine of this bundle can run here >&2; exit 5")
    assert "no engine of this bundle can run here" in accepted(export(tmp_path / "y", to=["torchscript"]))["torchscript"]


def test_a_wrong_answer_in_cpp_is_not_published(tmp_path: Path, stand_in: Path) -> None:
    verdict = {"case": "stress", "output": "y", "passed": False, "problem": None, "reference": "float64", "kind": "absolute"}
    good = {"case": "batch-64", "output": "y", "passed": True}
    verdicts = [good, {**verdict, "max_abs": 0.25, "bound": 1e-6}]
    fill(stand_in, says(engine="torchscript", status="failed", reason=None, verdicts=verdicts) + "\nexit 1")
    error = refusal(tmp_path / "y")
    assert error.code == ExitCode.MISMATCH
    assert str(error) == (
        "torchscript in C++: stress: output y: got 0.25 away from float64, expected at most 1e-06; the exporter made these inputs inside the "
        "contract: give inputs their true ranges, or leave the case out (stress=False); nothing was written"
    )


@pytest.mark.parametrize("problem", ["mixes samples", None])
def test_a_problem_in_cpp_is_told_in_its_words(tmp_path: Path, stand_in: Path, problem: str | None) -> None:
    verdicts = [{"case": "batch-1", "output": "y", "passed": False, "problem": problem}] if problem else []
    reason = None if problem else "gave another shape"
    fill(stand_in, says(engine="onnxruntime", status="failed", reason=reason, verdicts=verdicts) + "\nexit 1")
    assert str(refusal(tmp_path / "y")).startswith(
        "onnxruntime in C++: " + ("batch-1: output y: mixes samples" if problem else "gave another shape")
    )


def test_a_refusal_of_cpp_names_the_engine_and_keeps_its_exit_code(tmp_path: Path, stand_in: Path) -> None:
    fill(
        stand_in,
        'case "$*" in *"--engine onnxruntime"*) ' + says(engine="onnxruntime", status="passed", reason=None, verdicts=[]) + "\n;;"
        "*) echo note: something else >&2; echo 'error: model.ts.pt: got a scale, expected none' >&2; exit 3;; esac",
    )
    error = refusal(tmp_path / "y")
    assert error.code == ExitCode.FORMAT
    assert str(error).startswith("torchscript in C++: ferry-run verify: model.ts.pt: got a scale, expected none")


def test_a_crash_of_cpp_is_not_published(tmp_path: Path, stand_in: Path) -> None:
    fill(stand_in, "kill -SEGV $$")
    error = refusal(tmp_path / "y")
    assert error.code == ExitCode.INTERNAL
    assert " in C++: ferry-run verify: ended with code -11" in str(error)


def test_an_engine_of_which_cpp_says_nothing_is_not_published(tmp_path: Path, stand_in: Path) -> None:
    fill(stand_in, says(engine="onnxruntime", status="passed", reason=None, verdicts=[]))
    assert "torchscript in C++: ferry-run says nothing of it" in str(refusal(tmp_path / "y"))


def test_a_bundle_that_was_broken_on_the_way_is_refused_by_the_real_program(ferry_run: Program, tmp_path: Path) -> None:
    assert ferry_run("--version").code == 0
    bundle = export(tmp_path / "y")
    other = export(tmp_path / "other", Scaled())
    shutil.copyfile(other.folder / "model.onnx", bundle.folder / "model.onnx")
    with pytest.raises(FerryError, match=r"in C\+\+: ferry-run verify: .*model\.onnx.*nothing was written") as caught:
        check_in_cpp(bundle, print)
    assert caught.value.code == ExitCode.INTEGRITY


def test_the_program_of_the_own_checkout_comes_before_that_of_path(
    ferry_run: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ferry_run("--version").code == 0
    fill(tmp_path / "ferry-run", "exit 9")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.chdir(tmp_path)
    found = programs.find_ferry_run(None)
    assert found is not None
    assert found == BUILD / "bin" / "ferry-run"


def test_a_program_of_the_working_folder_is_never_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "ferry-run", "exit 9")
    monkeypatch.setattr(programs, "own_ferry_run", lambda: None)
    monkeypatch.chdir(tmp_path)
    for path in ("", ".", f":{tmp_path.name}"):
        monkeypatch.setenv("PATH", path)
        assert programs.find_ferry_run(None) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.find_ferry_run(None) == tmp_path / "ferry-run"
