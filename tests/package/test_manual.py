"""Man pages and completions of both programs: as the programs are, as shells and man read them, and where they are installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import torchferry
from builders.programs import BUILD, ROOT, Program, assert_answered
from torchferry.cli.manual.__main__ import pages
from torchferry.cli.manual.examples import predict_examples
from torchferry.cli.manual.grammar import Grammar, of_ferry, of_ferry_run

SHARE = ROOT / "share"
FERRY_RUN = BUILD / "bin" / "ferry-run"
DIGITS = ROOT / "exported" / "digits-mlp"
PROGRAMS = ("ferry", "ferry-run")
RATE = 1000  # of the sound, in Hz
# What one program has and the other has not, and why.
ONLY = {
    ("predict", "--memory"): "ferry-run isolates; `ferry --isolate` leaves the limit to its default",
    ("verify", "--memory"): "as of predict",
    ("bench", "--memory"): "as of predict",
    ("bench", "--timeout"): "ferry's bench is ferry-run's",
    ("verify", "--all"): "the matrix of both languages is Python's",
    ("verify", "--attest"): "ferry signs what it found",
    ("verify", "--key"): "as of --attest",
    ("verify", "--password-file"): "as of --attest",
    ("verify", "--ferry-run"): "where Python finds the other program",
    ("predict", "--ferry-run"): "as of verify",
    ("bench", "--isolate"): "as of --timeout",
}


@pytest.fixture(scope="module")
def grammars() -> dict[str, Grammar]:
    return {"ferry": of_ferry(), "ferry-run": of_ferry_run(FERRY_RUN)}


def test_the_files_are_those_of_the_programs_as_they_are() -> None:
    made = pages(FERRY_RUN)
    there = {str(path.relative_to(SHARE)): path.read_text() for path in SHARE.rglob("*") if path.is_file()}
    assert sorted(there) == sorted(made)
    assert [path for path, text in made.items() if there[path] != text] == [], "run `make manual`"


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_option_of_the_help_is_in_each_file(
    ferry_here: Program,
    ferry_run: Program,
    grammars: dict[str, Grammar],
    program: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    run = {"ferry": ferry_here, "ferry-run": ferry_run}[program]
    texts = {
        path: re.sub(r"\\f[BRI]", " ", text.replace("\\-", "-"))
        for path, text in pages(FERRY_RUN).items()
        if Path(path).stem.strip("_") == program
    }
    assert len(texts) == 4
    for verb in grammars[program].verbs:
        shown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", run(verb.name, "--help").stdout.decode()))
        assert "--help" in shown
        for path, text in texts.items():
            wanted = {name[2:] if path.endswith(".fish") else name for name in shown}
            assert [name for name in wanted if not re.search(rf"(?<![\w-]){name}(?![\w-])", text)] == [], (path, verb.name)


def completed(program: str, *words: str, cwd: Path = ROOT) -> list[str]:
    """What bash offers for the last of the words behind the program's name."""
    script = f"""
        source {SHARE}/bash-completion/completions/{program}
        COMP_WORDS=({program} "$@"); COMP_CWORD=$#
        $(complete -p {program} | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-uc", script, "bash", *words], cwd=cwd, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


@pytest.mark.parametrize("program", PROGRAMS)
def test_bash_completes_verbs_options_words_and_files(program: str, tmp_path: Path) -> None:
    (tmp_path / "my rows.csv").touch()
    (tmp_path / "other").touch()
    assert completed(program, "pre") == ["predict"]
    assert set(completed(program, "")) >= {"inspect", "predict", "verify", "bench", "--version"}
    assert completed(program, "predict", "b", "--to") == ["--top"]
    assert completed(program, "predict", "--format", "np") == ["npy", "npz"]
    assert completed(program, "verify", "b", "--engine", "torchs") == ["torchscript"]
    assert completed(program, "predict", "--threads", "") == []
    assert completed(program, "predict", "--input", "my", cwd=tmp_path) == ["my rows.csv"]
    assert sorted(completed(program, "inspect", "", cwd=tmp_path)) == ["my rows.csv", "other"]
    assert completed(program, "inspect", "x", "--delim") == []  # of another verb
    assert ("eager" in completed(program, "predict", "--engine", "")) == (program == "ferry")


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_reads_its_completion(shell: str, program: str) -> None:
    places = {
        "bash": "bash-completion/completions/{}",
        "zsh": "zsh/site-functions/_{}",
        "fish": "fish/vendor_completions.d/{}.fish",
    }
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-n", SHARE / places[shell].format(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize("program", PROGRAMS)
def test_fish_completes_verbs_options_and_words(program: str) -> None:
    def offered(line: str) -> set[str]:
        script = f"source {SHARE}/fish/vendor_completions.d/{program}.fish; complete -C '{program} {line}'"
        done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, check=True)
        return {found.partition("\t")[0] for found in done.stdout.splitlines()}

    assert offered("pre") == {"predict"}
    assert offered("predict b --to") == {"--top"}
    assert offered("predict --format np") == {"npy", "npz"}
    assert offered("verify b --engine torchs") == {"torchscript"}
    assert offered("inspect x --delim") == set()  # of another verb
    assert ("eager" in offered("predict --engine ")) == (program == "ferry")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_finds_the_functions_by_its_own_search() -> None:
    script = "fpath=($0 $fpath); autoload -U compinit; compinit -u -D; print $_comps[ferry] $_comps[ferry-run]"
    done = subprocess.run(["zsh", "-fc", script, SHARE / "zsh" / "site-functions"], capture_output=True, text=True, check=True)
    assert done.stdout == "_ferry _ferry-run\n"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("program", PROGRAMS)
def test_roff_formats_the_page_without_a_warning(grammars: dict[str, Grammar], program: str) -> None:
    page = SHARE / "man" / "man1" / f"{program}.1"
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-cbou", page], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    text = done.stdout
    for verb in grammars[program].verbs:
        assert f"{program} {verb.name} [OPTION]..." in text
    for example in predict_examples(program):
        assert example in text.replace("‐", "-")


def test_both_programs_have_the_same_options_of_the_same_verbs(grammars: dict[str, Grammar]) -> None:
    python, cpp = (
        {(verb.name, one.names[0]): (one.repeated, one.required) for verb in grammars[program].verbs for one in verb.options}
        for program in PROGRAMS
    )
    python = {key: value for key, value in python.items() if key[0] in {verb.name for verb in grammars["ferry-run"].verbs}}
    assert set(python.keys() ^ cpp.keys()) == set(ONLY)
    assert (python.pop(("bench", "--batch")), cpp.pop(("bench", "--batch"))) == (
        (False, False),
        (True, False),
    )  # a list with commas
    assert {key: python[key] for key in python.keys() & cpp.keys()} == {key: cpp[key] for key in python.keys() & cpp.keys()}


class Sum(torch.nn.Module):
    """Two inputs, for the example that has them."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a + b


class Ink(torch.nn.Module):
    """A mask, for the example that writes one."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return (image > 8).long()


def write_inputs(folder: Path) -> None:
    """Write the files that the examples name, of three digits."""
    images = np.load(DIGITS / "golden" / "batch-64.input.image.npy")[:3]
    np.save(folder / "rows.npy", images)
    np.savez(folder / "inputs.npz", image=images)
    for name in ("a", "b"):
        np.save(folder / f"{name}.npy", np.ones((3, 2), np.float32))
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(np.arange(RATE, dtype=np.int16).tobytes())
    (folder / "dump.bin").write_bytes(images.tobytes())
    (folder / "rows.jsonl").write_text("".join(f"{image.tolist()}\n" for image in images))
    names = [f"image[{i}][{j}]" for i in range(8) for j in range(8)]
    rows = [",".join([f"n{i}", *map(str, image.ravel())]) for i, image in enumerate(images)]
    (folder / "rows.csv").write_text("\n".join([",".join(["name", *names]), *rows]) + "\n")
    (folder / "pictures").mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / "pictures" / f"{i}.png")
    shutil.copy(folder / "pictures" / "0.png", folder / "picture.png")
    (folder / "list.txt").write_text("pictures/0.png\npictures/2.png\n")


@pytest.mark.slow
def test_the_help_shows_every_example_and_each_runs(
    ferry_here: Program, ferry_run: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    quiet = {"to": ["onnx"], "stress": False, "note": lambda _: None}
    two = tmp_path / "two"
    torchferry.export(Sum().eval(), inputs={"a": "float32[N,2]", "b": "float32[N,2]"}, out=two, **quiet)
    heard = tmp_path / "heard"
    torchferry.export(torch.nn.Linear(RATE, 2).eval(), inputs={"x": f"float32[N,{RATE}]:{RATE}Hz"}, out=heard, **quiet)
    ink = tmp_path / "ink"
    torchferry.export(Ink().eval(), inputs={"image": "uint8[N,8,8]"}, outputs=["mask"], out=ink, **quiet)
    bundles = {"a=a.npy": two, "sound.wav": heard, "mask": ink}
    for name, program in (("ferry", ferry_here), ("ferry-run", ferry_run)):
        shown = " ".join(re.sub("[│╭╰─]", " ", program("predict", "--help").stdout.decode()).split())
        for example in predict_examples(name):
            assert example in shown
            words = example.split()[1:]
            stdin = (tmp_path / words[-1]).read_bytes() if "<" in words else b""
            words = words[: words.index("<")] if "<" in words else words
            if "rows.csv" in example and "--id" not in words:
                words += ["--ignore-columns"]
            bundle = next((bundles[word] for word in words if word in bundles), DIGITS)
            done = program(*[str(bundle) if word == "BUNDLE" else word for word in words], stdin=stdin)
            assert_answered(done)
        for made in ("answers", "masks"):
            shutil.rmtree(tmp_path / made)


def test_the_pages_are_installed_where_man_and_the_shells_look(tmp_path: Path) -> None:
    subprocess.run(["cmake", "--install", BUILD, "--prefix", tmp_path], check=True, capture_output=True)
    installed = {
        str(path.relative_to(tmp_path / "share")): path.read_text() for path in (tmp_path / "share").rglob("*") if path.is_file()
    }
    assert {name for name in installed if name.startswith("doc/")} == {name for name in installed if name.endswith("/copyright")}
    others = ("doc/", "ferry/bindings/")  # licences, and sources for other languages
    assert {name: text for name, text in installed.items() if not name.startswith(others)} == dict(pages(FERRY_RUN))
