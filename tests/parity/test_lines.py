"""JSON lines and streams of lines: both programs read the same to the same bits, refuse in the same words, and answer each line at once."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import torchferry
from builders.isolation import can_isolate
from builders.programs import BUILD, Finished, Program
from hostile.refusal import assert_error
from torchferry.bundle.contract import Array

PLACES = 64
WAIT_S = 60


class Same(nn.Module):
    """Gives back what it is given."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 1


class Several(nn.Module):
    """Gives back four inputs of different kinds."""

    def forward(
        self, x: torch.Tensor, count: torch.Tensor, flag: torch.Tensor, level: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        return x * 1, count * 1, flag.to(torch.float32), level.to(torch.float32)


INPUTS = {"x": "float32[N,2,3]", "count": "int64[N]", "flag": "bool[N]", "level": "int8[N,1]"}


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose answers are its inputs x float32 [N,3]."""
    out = tmp_path_factory.mktemp("lines") / "same"
    torchferry.export(Same().eval(), inputs={"x": "float32[N,3]"}, outputs=["y"], out=out, to=["onnx"], note=lambda _: None)
    return out


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of four inputs, which are its answers."""
    out = tmp_path_factory.mktemp("lines") / "several"
    torchferry.export(
        Several().eval(), inputs=INPUTS, outputs=["y", "c", "f", "l"], out=out, to=["onnx"], stress=False, note=lambda _: None
    )
    return out


class Both:
    """The two programs, held to one another."""

    def __init__(self, *programs: Program) -> None:
        self.programs = programs

    def __call__(self, bundle: Path, text: bytes, *options: object) -> Finished:
        """What both say and answer to a file of these bytes."""
        path = bundle.parent / "in.jsonl"
        path.write_bytes(text)
        words = ("predict", bundle, "--engine", "onnxruntime", "--no-isolate", "--input", path, *options)
        python, cpp = (program(*words) for program in self.programs)
        assert python == cpp, text[:300]
        return python


@pytest.fixture
def both(ferry_here: Program, ferry_run: Program) -> Both:
    return Both(ferry_here, ferry_run)


def answers(done: Finished) -> list[dict[str, object]]:
    assert done.code == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_objects_and_bare_lists_are_the_samples_that_they_say(both: Both, same: Path) -> None:
    rows = np.random.default_rng(4).standard_normal((50, 3)).astype(np.float32)
    rows[0] = (1e-45, 3.4028235e38, 16777217)
    text = "".join(
        json.dumps({"x": row.tolist()} if i % 2 else row.tolist()) + "\r\n" * (i % 3 == 0) + "\n" for i, row in enumerate(rows)
    )
    done = both(same, text.encode(), "--batch", 7)
    assert np.array([answer["y"] for answer in answers(done)], np.float32).tobytes() == rows.tobytes()
    assert f"predict: 50 samples from {same.parent}/in.jsonl, 50 answers" in done.stderr


def test_answers_are_inputs_again(both: Both, same: Path) -> None:
    """What `predict` writes it reads, but for the names."""
    first = both(same, b"[0.1, -2e-7, 33554433]\n")
    again = both(same, first.stdout.replace(b'"y"', b'"x"'))
    assert again.stdout == first.stdout


def test_several_inputs_are_nested_by_their_shapes(both: Both, several: Path) -> None:
    line = '{"level": [-128], "flag": true, "x": [[1, 2.5, -3e-1], [4, 5, 6]], "count": -9223372036854775808}'
    other = '{"count":9223372036854775807,"x":[[0,0,0],[0,0,0]],"flag":0,"level":[127]}'
    found = answers(both(several, f"\ufeff  {line}\n\n{other}".encode(), "--input-format", "jsonl"))
    assert found[0] == {"y": [[1.0, 2.5, -0.3], [4.0, 5.0, 6.0]], "c": -(2**63), "f": 1.0, "l": [-128.0]}
    assert (found[1]["c"], found[1]["f"], found[1]["l"]) == (2**63 - 1, 0.0, [127.0])


@pytest.mark.parametrize(
    "number",
    ["16777217", "0.1", "1.00000017881393432617187499", "1.00000017881393432617187501", "7e-46", "3.4028235677973362e38"],
)
def test_a_number_is_rounded_as_a_table_rounds_it(both: Both, same: Path, number: str) -> None:
    table, line = both(same, f"{number},0,0.5\n".encode()), both(same, f"[{number}, 0, 0.5]\n".encode())
    assert line.stdout == table.stdout
    assert np.float32(answers(line)[0]["y"][0]) == np.float32(float(number))  # type: ignore[index]


ONE = {
    "an unknown key": ('{"x": [1, 2, 3], "z": 1, "a": 2}', "line 2: got the key 'a', expected x; take it out"),
    "an empty key": ('{"x": [1, 2, 3], "": 1}', "line 2: got the key nothing, expected x; take it out"),
    "no key": ("{}", "line 2: got no key x, expected x; add it"),
    "a key twice": ('{"x": [1, 2, 3], "x": [1, 2, 3]}', "line 2: got the key x twice, expected it once; correct the file"),
    "too short": ("[1, 2]", "line 2: x: got a list of 2, expected a list of 3; correct the file"),
    "too long": ("[1, 2, 3, 4]", "line 2: x: got a list of 4, expected a list of 3"),
    "too deep": ("[[1, 2, 3]]", "line 2: x: got a list of 1, expected a list of 3"),
    "a list for a number": ("[1, [2], 3]", "line 2: x[1]: got a list of 1, expected a number"),
    "a bare number": ("7", "line 2: x: got 7, expected a list of 3"),
    "null": ("[1, null, 3]", "line 2: x[1]: got null, expected a number"),
    "true": ("[1, true, 3]", "line 2: x[1]: got true, expected a number"),
    "a word": ('[1, "2", 3]', "line 2: x[1]: got a string, expected a number"),
    "nan": ('[1, "nan", 3]', "line 2: x[1]: got a string, expected a finite float32"),
    "NaN": ("[1, NaN, 3]", "line 2: got invalid JSON, expected one JSON object"),
    "Infinity": ("[1, Infinity, 3]", "line 2: got invalid JSON"),
    "beyond float32": ("[1, 1e39, 3]", "line 2: x[1]: got a number, expected a finite float32"),
    "beyond float64": ("[1, 1e999, 3]", "line 2: got invalid JSON"),
    "a plus sign": ("[1, +2, 3]", "line 2: got invalid JSON"),
    "a leading zero": ("[1, 02, 3]", "line 2: got invalid JSON"),
    "two values": ("[1, 2, 3] [1, 2, 3]", "line 2: got invalid JSON"),
    "a comma at the end": ("[1, 2, 3,]", "line 2: got invalid JSON"),
    "a comment": ("[1, 2, 3] // x", "line 2: got invalid JSON"),
    "single quotes": ("{'x': [1, 2, 3]}", "line 2: got invalid JSON"),
    "half a surrogate": ('{"\\ud800": [1, 2, 3]}', "line 2: got invalid JSON"),
    "a deep list": ("[" * 40 + "]" * 40, "line 2: nesting: got more than 32 levels, expected at most 32; correct the file"),
    "a table": ("1,2,3", "line 2: got invalid JSON"),
    "a NUL": ("[1, 2, 3\0]", "line 2: got bytes that are no text"),
    "a carriage return": ("[1,\r 2, 3]", "line 2: got a carriage return inside the line"),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_a_line_that_is_no_sample_is_refused_with_its_place(both: Both, same: Path, name: str) -> None:
    line, words = ONE[name]
    done = both(same, f"[1, 2, 3]\n{line}\n[1, 2, 3]\n".encode(), "--output", same.parent / "out.jsonl")
    assert_error(done, 7, f"{same.parent}/in.jsonl: ", words)
    assert not (same.parent / "out.jsonl").exists()


GOOD = {"x": [[0, 0, 0], [0, 0, 0]], "count": 1, "flag": False, "level": [1]}
MANY = {
    "a bare list": ([1], "line 1: got a list of 1, expected an object of x, count, flag, level"),
    "a fraction": ({**GOOD, "count": 1.5}, "line 1: count: got a number, expected an integer from -9223372036854775808 to"),
    "a point": ({**GOOD, "count": 1.0}, "line 1: count: got a number, expected an integer from"),
    "beyond int64": ({**GOOD, "count": 2**63}, "line 1: count: got a number, expected an integer from"),
    "far beyond int64": ({**GOOD, "count": -(10**30)}, "line 1: count: got a number, expected an integer from"),
    "beyond int8": ({**GOOD, "level": [128]}, "line 1: level[0]: got 128, expected an integer from -128 to 127"),
    "true for an integer": ({**GOOD, "count": True}, "line 1: count: got true, expected an integer from"),
    "2 for a bool": ({**GOOD, "flag": 2}, "line 1: flag: got 2, expected 0, 1, false or true"),
    "1.0 for a bool": ({**GOOD, "flag": 1.0}, "line 1: flag: got a number, expected 0, 1, false or true"),
    "a place deep inside": ({**GOOD, "x": [[0, 0, 0], [0, 0, {}]]}, "line 1: x[1][2]: got an object, expected a number"),
    "a missing input": ({key: GOOD[key] for key in ("x", "count", "level")}, "line 1: got no key flag, expected x, count, flag, level"),
}  # fmt: skip


@pytest.mark.parametrize("name", MANY)
def test_a_value_that_its_input_does_not_take_is_refused(both: Both, several: Path, name: str) -> None:
    value, words = MANY[name]
    assert_error(both(several, json.dumps(value).encode(), "--input-format", "jsonl"), 7, words)


def test_lines_that_are_cut_or_spoilt_at_64_places_lose_no_sample(both: Both, same: Path) -> None:
    text = b'{"x": [1.5, -2.25e1, 3]}\n[4, 5, 6.125]\n{"x": [7, 8, 9]}\n'
    for place in np.linspace(1, len(text) - 1, PLACES).astype(int):
        done = both(same, text[:place])
        if done.code == 0:  # between two lines
            assert text[:place].rstrip(b"\n") in text.splitlines() or text[place - 1 : place] in (b"\n", b"}", b"]")
            assert len(answers(done)) == len(text[:place].splitlines())
        else:
            assert_error(done, 7, "in.jsonl: line ")
        for data in (text[:place] + b"\0" + text[place:], text[:place] + b"\r" + text[place:], text[:place] + text[place + 1 :]):
            done = both(same, data)
            assert done.code in (0, 7)
            assert done.code == 7 or len(answers(done)) == len(data.splitlines()), data


def test_no_lines_are_no_samples_and_a_line_has_a_limit(both: Both, same: Path) -> None:
    assert_error(both(same, b" \n\n", "--input-format", "jsonl"), 7, "got no samples, expected at least one")
    assert_error(both(same, b"[" + b" " * (64 << 20) + b"]"), 7, "line: got more than 67108864 bytes, expected fewer")
    assert_error(both(same, b"[1, 2, 3]", "--id", "n"), 2, "--id: got 'n', expected one table that has this column")


DRAWN = [
    '{"x": [1, 2, 3]}',
    "[1, 2, 3]",
    "[1, 2]",
    '{"x": 1}',
    "null",
    '{"y": 1}',
    "[1, 2, -0]",
    "[1e5, 2E-5, 3.25]",
    " [1,2,3] ",
    "{",
    "[true, 1, 2]",
]


@pytest.mark.parametrize("seed", range(3))
def test_both_say_the_same_of_any_lines(both: Both, same: Path, seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(30):
        lines = [draw.choice(DRAWN[:2]) if draw.random() < 0.6 else draw.choice(DRAWN) for _ in range(draw.randint(1, 4))]
        text = bytearray("\n".join(lines).encode())
        if draw.random() < 0.5:
            text[draw.randrange(len(text))] = draw.randrange(256)
        assert both(same, bytes(text)).code in (0, 7)


PROGRAMS = {"python": [sys.executable, "-m", "torchferry.cli.main"], "cpp": [str(BUILD / "bin" / "ferry-run")]}


@pytest.fixture(params=PROGRAMS)
def following(request: pytest.FixtureRequest, same: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that follows its stdin."""
    words = ["predict", str(same), "--engine", "onnxruntime", "--no-isolate", "--input", "-", "--follow"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}  # a shell's background job has it ignored
    with subprocess.Popen([*PROGRAMS[request.param], *words], env=buffered, **pipes, **heard) as process:  # type: ignore[call-overload]
        yield process
        process.kill()


def ask(process: subprocess.Popen[bytes], line: bytes) -> object:
    """Send one line, and wait for its answer before the next one is sent."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line)
    process.stdin.flush()
    assert select.select([process.stdout], [], [], WAIT_S)[0], "no answer"
    return json.loads(process.stdout.readline())


@pytest.mark.parametrize("make", [lambda row: json.dumps({"x": row}), lambda row: ",".join(map(str, row))], ids=["json", "csv"])
def test_each_line_of_a_pipe_is_answered_at_once(following: subprocess.Popen[bytes], make: object) -> None:
    for number in range(5):
        row = [number + 0.5, 2.0, -number * 1.0]
        assert ask(following, make(row).encode() + b"\n") == {"y": row}  # type: ignore[operator]
    out, err = following.communicate(timeout=WAIT_S)
    assert (following.returncode, out) == (0, b"")
    assert err.decode() == "predict: 5 samples from stdin, 5 answers, engine onnxruntime\n"


def test_a_header_is_read_before_the_first_sample(following: subprocess.Popen[bytes]) -> None:
    assert ask(following, b"x[2];x[0];x[1]\n1;2;3\n") == {"y": [2.0, 3.0, 1.0]}
    assert ask(following, b"4;5;6\n") == {"y": [5.0, 6.0, 4.0]}


def test_a_bad_line_ends_the_stream_with_the_line_and_keeps_the_answers(following: subprocess.Popen[bytes]) -> None:
    assert ask(following, b"[1, 2, 3]\n") == {"y": [1.0, 2.0, 3.0]}
    out, err = following.communicate(b"[1, 2]\n[1, 2, 3]\n", timeout=WAIT_S)
    assert (following.returncode, out) == (7, b"")
    assert err.decode() == "error: stdin: line 2: x: got a list of 2, expected a list of 3; correct the file\n"


def test_a_reader_that_goes_ends_the_stream(following: subprocess.Popen[bytes]) -> None:
    assert ask(following, b"[1, 2, 3]\n") == {"y": [1.0, 2.0, 3.0]}
    assert following.stdin is not None
    assert following.stdout is not None
    following.stdout.close()
    following.stdin.write(b"[1, 2, 3]\n")
    following.stdin.close()
    assert following.wait(timeout=WAIT_S) == 6
    assert b"error: stdout: got Broken pipe, expected " in following.stderr.read()  # type: ignore[union-attr]


def test_an_interrupt_ends_the_stream(following: subprocess.Popen[bytes]) -> None:
    assert ask(following, b"[1, 2, 3]\n") == {"y": [1.0, 2.0, 3.0]}
    os.kill(following.pid, signal.SIGINT)
    out, err = following.communicate(timeout=WAIT_S)
    assert following.returncode in (130, -signal.SIGINT)
    assert out == b""
    assert b"Traceback" not in err


@pytest.mark.skipif(not can_isolate(), reason="no libseccomp at the build, or a kernel without Landlock")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def test_a_signal_of_the_terminal_that_is_ignored_ends_no_isolated_model(same: Path, number: signal.Signals) -> None:
    """A terminal sends it to the program and to the child process in which the model runs."""
    words = [*PROGRAMS["cpp"], "predict", str(same), "--engine", "onnxruntime", "--isolate", "--input", "-", "--follow"]
    command = ["sh", "-c", f"trap '' {number.name[3:]}; exec \"$@\"", "sh", *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, **pipes) as process:  # type: ignore[call-overload]
        for line in range(3):
            assert ask(process, f"[{line}, 2, 3]\n".encode()) == {"y": [line, 2.0, 3.0]}
            os.killpg(process.pid, number)
            time.sleep(0.1)  # until it has come
        out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out, err.decode().startswith("predict: 3 samples")) == (0, b"", True), err


class Sum(nn.Module):
    """Adds what it is given to its state."""

    def forward(self, state: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        total = state + x
        return total, total * 2


@pytest.fixture(scope="module")
def summing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a state of float32 [N,2], which it gives back as `next`."""
    out = tmp_path_factory.mktemp("lines") / "summing"
    inputs = {"state": "float32[N,2]", "x": "float32[N,2]"}
    torchferry.export(Sum().eval(), inputs=inputs, outputs=["next", "twice"], out=out, to=["onnx"], note=lambda _: None)
    return out


@pytest.mark.parametrize("text", [b"[1, 2]\n[3, 4]\n[5, 6]\n", b"x[1],x[0]\n2,1\n4,3\n6,5\n"], ids=["json", "csv"])
def test_the_state_goes_from_line_to_line_and_begins_with_zeros(both: Both, summing: Path, text: bytes) -> None:
    found = answers(both(summing, text, "--follow", "--carry", "state=next"))
    assert found == [{"next": [a, b], "twice": [2 * a, 2 * b]} for a, b in ((1, 2), (4, 6), (9, 12))]
    assert_error(
        both(summing, b'{"x": [1, 2], "state": [0, 0]}', "--follow", "--carry", "state=next"),
        7,
        "got the key 'state', expected x",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--carry", "state=next"], "--carry: got 'state=next' without --follow, expected both"),
        (["--follow", "--carry", "state"], "--carry: got 'state', expected INPUT=OUTPUT with names of the contract"),
        (["--follow", "--carry", "next=state"], "--carry: got 'next=state', expected INPUT=OUTPUT with names of the contract"),
        (
            ["--follow", "--carry", "state=next", "--carry", "state=twice"],
            "--carry: got an input twice, or no input is left for the lines",
        ),
        (
            ["--follow", "--carry", "state=next", "--carry", "x=twice"],
            "--carry: got an input twice, or no input is left for the lines",
        ),
    ],
)
def test_a_state_that_cannot_be_carried_is_refused(both: Both, summing: Path, words: list[str], said: str) -> None:
    assert_error(both(summing, b"[1, 2]", *words), 2, said)


def test_a_state_of_another_kind_is_refused(both: Both, several: Path) -> None:
    words = "--carry: got count int64[N] and y float32[N,2,3], expected one dtype and shape of N and numbers"
    assert_error(both(several, b"[1, 2]", "--follow", "--carry", "count=y"), 2, words)


def test_what_cannot_follow_is_refused(both: Both, same: Path) -> None:
    assert_error(
        both(same, b"[1, 2, 3]", "--follow", "--batch", 4),
        2,
        "--batch: got 4 with --follow, expected none: each line is answered at once",
    )
    assert_error(
        both(same, b"[1, 2, 3]", "--follow", "--input-format", "raw"), 2, "--input-format: got raw with --follow, expected lines"
    )
    output = same.parent / "out.jsonl"
    assert_error(
        both(same, b"[1, 2, 3]", "--follow", "--output", output),
        2,
        f"--output: got '{output}' with --follow, expected - (stdout) or a pipe",
    )
    assert_error(
        both(same, b"[1, 2, 3]", "--follow", "--input", same),
        2,
        "--follow: got inputs by name or several files, expected one stream of lines",
    )
    array: Array = np.zeros((1, 3), np.float32)
    np.save(same.parent / "x.npy", array)
    assert_error(both(same, (same.parent / "x.npy").read_bytes(), "--follow"), 7, "line 1: got bytes that are no text")
