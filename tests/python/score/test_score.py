"""`ferry score --local`: the answers of ferry-run, whole parts, bad rows, and a run that goes on after it was killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.programs import ROOT, Program
from builders.scoring import (
    BATCH,
    BUNDLE,
    ENGINE,
    GOLDEN,
    answers,
    broken_machine,
    expected_lines,
    start,
    wait_for_parts,
    write_rows,
)
from builders.spread import spread
from torchferry.bundle.digest import sha256_of
from torchferry.bundle.reader import open_bundle
from torchferry.engines import Session
from torchferry.errors import ExitCode
from torchferry.proof.proven import Chosen
from torchferry.proof.where import Where
from torchferry.score.folder import Receipt
from torchferry.score.job import Job
from torchferry.score.plan import Part
from torchferry.score.worker import Fault, Worker

LOCAL = ["--local", *ENGINE, "--part-rows", 4 * BATCH]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "rows.npy", 1000)


def summary(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "_score.json").read_text())
    return found


def write_csv(rows: Path) -> Path:
    path = rows.with_suffix(".csv")
    path.write_text("".join(f"{a!r},{b!r}\n" for a, b in np.load(rows).tolist()))
    return path


def test_the_parts_are_what_ferry_run_predicts_of_the_same_calls(
    ferry_here: Program, ferry_run: Program, rows: Path, tmp_path: Path
) -> None:
    expected = expected_lines(ferry_run, rows, tmp_path / "expected.jsonl")
    for source in (rows, write_csv(rows)):
        output = tmp_path / source.suffix
        done = ferry_here("score", BUNDLE, *LOCAL, "--input", source, "--output", output)
        assert (done.code, answers(output)) == (ExitCode.OK, expected), done.stderr
        assert done.stderr == f"score: 1000 answers in 16 parts of {output}, engine onnxruntime\n"
        assert [part["first"] for part in summary(output)["parts"]] == list(range(0, 1000, 64))
        assert {path.name for path in output.iterdir()} == {
            *(f"part-{i:05}.jsonl" for i in range(16)),
            "_score",
            "_score.json",
        }


def test_files_of_a_folder_follow_each_other_and_no_call_has_rows_of_two(
    ferry_here: Program, ferry_run: Program, tmp_path: Path
) -> None:
    folder, expected = tmp_path / "in", b""
    folder.mkdir()
    for name, count in (("a.npy", 70), ("b.npy", 1), ("c.npy", 64)):
        write_rows(folder / name, count)
        expected += expected_lines(ferry_run, folder / name, tmp_path / "expected.jsonl")
    done = ferry_here("score", BUNDLE, *LOCAL, "--input", folder, "--output", tmp_path / "out")
    assert (done.code, answers(tmp_path / "out")) == (ExitCode.OK, expected), done.stderr


def test_pictures_are_rows_and_a_broken_one_is_skipped_by_name(ferry_here: Program, ferry_run: Program, tmp_path: Path) -> None:
    picture_of = pytest.importorskip("PIL.Image").fromarray
    bundle, folder, good = ROOT / "exported" / "digits-mlp", tmp_path / "in", tmp_path / "good"
    folder.mkdir()
    good.mkdir()
    for i in range(20):
        picture = picture_of((np.arange(64).reshape(8, 8) * (i + 1) % 17).astype(np.uint8))
        picture.save(folder / f"{i:02}.png")
        if i not in (3, 17):
            picture.save(good / f"{i:02}.png")
    (folder / "03.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    (folder / "17.png").write_text("1,2,3\n")
    options = ["--local", "--engine", "onnxruntime", "--batch", 1, "--part-rows", 6, "--input", folder]
    refused = ferry_here("score", bundle, *options, "--output", tmp_path / "refused")
    assert refused.code == ExitCode.BAD_INPUT
    assert "03.png" in refused.stderr
    done = ferry_here("score", bundle, *options, "--bad-rows", "skip", "--output", tmp_path / "out")
    assert done.code == ExitCode.OK, done.stderr
    expected = ferry_run("predict", bundle, "--engine", "onnxruntime", "--batch", 1, "--input", good)
    assert answers(tmp_path / "out") == expected.stdout
    skipped = [json.loads(line) for line in (tmp_path / "out" / "_skipped.jsonl").read_text().splitlines()]
    assert [(row["row"], name in row["reason"]) for row, name in zip(skipped, ("03.png", "17.png"), strict=True)] == [
        (3, True),
        (17, True),
    ]


@pytest.mark.parametrize("bad", spread([[0], [17], [999], [15, 16, 17], [5, 500, 501], list(range(64, 128))], 2), ids=str)
def test_bad_rows_fail_or_are_left_out_of_their_call_alone(
    ferry_here: Program, ferry_run: Program, rows: Path, tmp_path: Path, bad: list[int]
) -> None:
    source = write_csv(rows)
    lines = source.read_text().splitlines(keepends=True)
    for i in bad:
        lines[i] = "1.5,nothing\n"
    source.write_text("".join(lines))
    options = [*LOCAL, "--header", "no", "--input", source]
    refused = ferry_here("score", BUNDLE, *options, "--output", tmp_path / "refused")
    assert refused.code == ExitCode.BAD_INPUT
    assert f"line {bad[0] + 1}, column 2" in refused.stderr
    assert not (tmp_path / "refused" / "_score.json").exists()
    done = ferry_here("score", BUNDLE, *options, "--bad-rows", "skip", "--output", tmp_path / "out")
    assert done.code == ExitCode.OK, done.stderr
    expected = b""
    for first in range(0, 1000, BATCH):
        call = np.delete(np.load(rows)[first : first + BATCH], [i - first for i in bad if first <= i < first + BATCH], axis=0)
        if len(call):
            np.save(tmp_path / "call.npy", call)
            expected += (
                expected_lines(ferry_run, tmp_path / "call.npy", tmp_path / "expected.jsonl") if _is_near(first, bad) else b""
            )
    everything = expected_lines(ferry_run, rows, tmp_path / "expected.jsonl").splitlines(keepends=True)
    kept = [line for i, line in enumerate(everything) if i not in bad]
    near = [i for i in range(1000) if i not in bad and _is_near(i - i % BATCH, bad)]
    found = answers(tmp_path / "out").splitlines(keepends=True)
    numbers = [i for i in range(1000) if i not in bad]
    assert len(found) == len(numbers)
    assert [line for i, line in zip(numbers, found, strict=True) if i not in near] == [
        line for i, line in zip(numbers, kept, strict=True) if i not in near
    ]
    assert b"".join(line for i, line in zip(numbers, found, strict=True) if i in near) == expected
    skipped = [json.loads(line) for line in (tmp_path / "out" / "_skipped.jsonl").read_text().splitlines()]
    assert [row["row"] for row in skipped] == bad
    assert all(f"line {row['row'] + 1}, column 2" in row["reason"] for row in skipped)
    assert (summary(tmp_path / "out")["rows"], summary(tmp_path / "out")["skipped"]) == (1000 - len(bad), len(bad))


def _is_near(first: int, bad: list[int]) -> bool:
    return any(first <= i < first + BATCH for i in bad)


def test_identities_of_a_table_stand_in_front_of_their_answers(ferry_here: Program, rows: Path, tmp_path: Path) -> None:
    path = tmp_path / "named.csv"
    lines = [f"flower-{i},{a!r},{b!r}\n" for i, (a, b) in enumerate(np.load(rows).tolist())]
    path.write_text("who,measurements[0],measurements[1]\n" + "".join(lines))
    done = ferry_here("score", BUNDLE, *LOCAL, "--id", "who", "--input", path, "--output", tmp_path / "out")
    assert done.code == ExitCode.OK, done.stderr
    assert [json.loads(line)["who"] for line in answers(tmp_path / "out").splitlines()] == [f"flower-{i}" for i in range(1000)]


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_a_part_of_bad_rows_only_is_a_whole_file_without_a_row(ferry_here: Program, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n" * 5)
    options = ["--bad-rows", "skip", "--header", "no", "--format", kind, "--input", path]
    assert ferry_here("score", BUNDLE, *LOCAL, *options, "--output", tmp_path / "out").code == ExitCode.OK
    part = tmp_path / "out" / f"part-00000.{kind}"
    if kind == "csv":
        assert part.read_text() == "net_input,label,class\n"
    else:
        assert {name: array.shape for name, array in np.load(part).items()} == {"net_input": (0,), "label": (0,)}


def test_a_driver_killed_at_any_moment_goes_on_and_no_row_is_lost_or_doubled(
    ferry_here: Program, ferry_run: Program, tmp_path: Path
) -> None:
    rows, output = write_rows(tmp_path / "rows.npy", 4000), tmp_path / "out"
    expected = expected_lines(ferry_run, rows, tmp_path / "expected.jsonl")
    options = ["score", BUNDLE, "--local", *ENGINE, "--part-rows", BATCH, "--input", rows, "--output", output, "--resume"]
    chance, before = random.Random(os.getpid()), 0
    for _ in range(3):
        process = start(*options)
        if wait_for_parts(output, before, process):
            time.sleep(chance.uniform(0, 0.05))
        process.kill()
        process.wait()
        whole = {path.name: path.read_bytes() for path in output.glob("part-*.jsonl")}
        assert all(expected.splitlines()[i * BATCH : (i + 1) * BATCH] == whole[name].splitlines() for i, name in _indexed(whole))
        before = len(whole)
    assert 0 < before < 250
    done = ferry_here(*options)
    assert (done.code, answers(output)) == (ExitCode.OK, expected), done.stderr
    assert f"250 parts ({before} of them from before)" in done.stderr
    assert not list((output / "_score").glob(".*"))
    assert all(path.read_bytes() == whole[path.name] for path in output.glob("part-*.jsonl") if path.name in whole)


def _indexed(whole: dict[str, bytes]) -> list[tuple[int, str]]:
    return [(int(name[5:10]), name) for name in whole]


def test_a_part_that_was_changed_since_is_answered_again(ferry_here: Program, rows: Path, tmp_path: Path) -> None:
    options = ["score", BUNDLE, *LOCAL, "--input", rows, "--output", tmp_path / "out"]
    assert ferry_here(*options).code == ExitCode.OK
    expected = answers(tmp_path / "out")
    part = tmp_path / "out" / "part-00002.jsonl"
    part.write_bytes(part.read_bytes()[:-1])
    (tmp_path / "out" / "part-00005.jsonl").unlink()
    assert ferry_here(*options).code == ExitCode.IO
    done = ferry_here(*options, "--resume")
    assert (done.code, answers(tmp_path / "out")) == (ExitCode.OK, expected)
    assert "16 parts (14 of them from before)" in done.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("bundle", "begun with bundle iris-adaline"),
        ("input", "rows.npy of sha256"),
        ("rows", "rows.npy of sha256"),
        ("batch", "begun with batch 16, now it is 8"),
        ("engine", "begun with engine 'onnxruntime', now it is 'torchscript'"),
    ],
)
def test_a_run_goes_on_only_with_what_it_began_with(
    ferry_here: Program, rows: Path, tmp_path: Path, change: str, words: str
) -> None:
    options: list[object] = [*LOCAL, "--input", rows, "--output", tmp_path / "out"]
    assert ferry_here("score", BUNDLE, *options).code == ExitCode.OK
    bundle = BUNDLE
    if change == "bundle":
        bundle = tmp_path / "other"
        shutil.copytree(BUNDLE, bundle)
        manifest = bundle / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"virginica"', '"Virginica"'))
    elif change in ("input", "rows"):
        array = np.load(rows)
        np.save(rows, np.concatenate([array, array[:1]]) if change == "rows" else np.flipud(array).copy())
    elif change == "batch":
        options[options.index("--batch") + 1] = 8
    else:
        options[options.index("onnxruntime")] = "torchscript"
    done = ferry_here("score", bundle, *options, "--resume")
    assert done.code == ExitCode.USAGE, done
    assert words in done.stderr


def test_a_flipped_bit_of_the_bundle_leaves_no_answer(ferry_here: Program, rows: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))
    data = bytearray((bundle / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / "model.onnx").write_bytes(data)
    done = ferry_here("score", bundle, *LOCAL, "--input", rows, "--output", tmp_path / "out")
    assert (done.code, (tmp_path / "out").exists()) == (ExitCode.INTEGRITY, False)


def test_a_bundle_that_nobody_trusted_signed_leaves_no_answer(ferry_here: Program, rows: Path, tmp_path: Path) -> None:
    assert ferry_here("key", tmp_path / "mine", "--no-password").code == ExitCode.OK
    options = [*LOCAL, "--trust", f"{tmp_path / 'mine'}.pub", "--input", rows, "--output", tmp_path / "out"]
    bundle = Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))
    assert ferry_here("score", bundle, *options).code == ExitCode.INTEGRITY
    assert not (tmp_path / "out").exists()
    assert ferry_here("sign", bundle, "--key", f"{tmp_path / 'mine'}.key").code == ExitCode.OK
    assert ferry_here("score", bundle, *options).code == ExitCode.OK


def test_a_machine_that_fails_the_goldens_answers_nothing(rows: Path, tmp_path: Path) -> None:
    options = ["score", BUNDLE, *LOCAL, "--input", rows, "--output", tmp_path / "out"]
    process = start(*options, environment=broken_machine(tmp_path / "broken"))
    _, error = process.communicate(timeout=300)
    assert (process.returncode, error.count(b"\n")) == (ExitCode.MISMATCH, 1), error
    assert b"fails the goldens on this machine: output net_input" in error
    assert not list((tmp_path / "out").glob("part-*"))


@pytest.mark.slow
def test_a_run_goes_on_with_other_kernels_only_where_bounds_are_enough(ferry_here: Program, rows: Path, tmp_path: Path) -> None:
    options = ["score", BUNDLE, *LOCAL, "--input", rows, "--output", tmp_path / "out"]
    options[options.index("onnxruntime")] = "torchscript"
    assert ferry_here(*options).code == ExitCode.OK
    (tmp_path / "out" / "part-00003.jsonl").unlink()
    other = {"MKL_CBWR": "COMPATIBLE"}
    refused = start(*options, "--resume", environment=other)
    _, error = refused.communicate(timeout=300)
    assert refused.returncode == ExitCode.USAGE, error
    assert b"begun with numerics" in error
    allowed = start(*options, "--resume", "--allow", "bound", environment=other)
    _, error = allowed.communicate(timeout=300)
    assert allowed.returncode == ExitCode.OK, error


@pytest.mark.parametrize(("allow", "numerics", "is_answered"), [("bits", "", False), ("bound", "", True), ("bits", None, True)])
def test_a_worker_with_other_kernels_answers_only_where_bounds_are_enough(
    tmp_path: Path, allow: Any, numerics: str | None, is_answered: bool
) -> None:
    (tmp_path / "_score").mkdir()
    bundle = open_bundle(BUNDLE)
    chosen = Chosen(str(BUNDLE), sha256_of(bundle.manifest_json), None, "torchscript", Where())
    here = Session(bundle, "torchscript").numerics
    job = Job(chosen, here if numerics is None else numerics, BATCH, str(tmp_path), "jsonl", allow=allow)
    part = Part(index=0, first=0, start=0, stop=64, arguments=(str(GOLDEN),), one_a_file=False)
    answer = Worker(job).score(part)
    if is_answered:
        assert isinstance(answer, Receipt)
        assert answer.rows == 64
    else:
        assert isinstance(answer, Fault)
        assert (answer.code, "bits may differ" in answer.message) == (ExitCode.UNAVAILABLE, True)


def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(ferry_run: Program, tmp_path: Path) -> None:
    rows, disk = write_rows(tmp_path / "rows.npy", 4000), tmp_path / "disk"
    disk.mkdir()
    expected = expected_lines(ferry_run, rows, tmp_path / "expected.jsonl")
    options = [BUNDLE, "--local", *ENGINE, "--part-rows", BATCH, "--input", rows, "--output", disk / "out"]
    command = " ".join(map(str, [sys.executable, "-m", "torchferry", "score", *options]))
    script = (
        f"mount -t tmpfs -o size=400k none {disk} || exit 99\n"
        f"{command}; echo code $?; ls {disk}/out | grep -c part-; mount -o remount,size=16m {disk}\n"
        f"{command} --resume && cp {disk}/out/part-*.jsonl {tmp_path}/"
    )
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode in (1, 99) and not done.stdout:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    code, parts = done.stdout.split("\n")[:2]
    assert (code, done.returncode) == (f"code {int(ExitCode.IO)}", 0), done
    assert 0 < int(parts) < 250
    lines = done.stderr.splitlines()
    assert "No space left on device" in lines[0]
    assert f"250 parts ({parts} of them from before)" in lines[-1]
    assert b"".join(path.read_bytes() for path in sorted(tmp_path.glob("part-*.jsonl"))) == expected


def test_two_runs_do_not_write_into_one_folder(ferry_here: Program, tmp_path: Path) -> None:
    rows, output = write_rows(tmp_path / "rows.npy", 4000), tmp_path / "out"
    options = ["score", BUNDLE, "--local", *ENGINE, "--part-rows", BATCH, "--input", rows, "--output", output, "--resume"]
    first = start(*options)
    assert wait_for_parts(output, 0, first)
    os.kill(first.pid, 19)  # SIGSTOP: it holds the folder
    try:
        second = ferry_here(*options)
    finally:
        first.kill()
        first.wait()
    assert (second.code, "another writer at work" in second.stderr) == (ExitCode.IO, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--part-rows", 30], "--part-rows: got 30, expected a multiple of the batch 16"),
        (["--bad-rows", "drop"], "--bad-rows: got 'drop', expected fail or skip"),
        (["--allow", "much"], "--allow: got 'much', expected bits or bound"),
        (["--workers", 2], "--local: got --ray-address or --workers too"),
        (["--format", "npy"], "--format: got npy for 2 outputs"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_made(
    ferry_here: Program, tmp_path: Path, options: list[object], words: str
) -> None:
    base = ["score", BUNDLE, "--local", *ENGINE, "--input", GOLDEN, "--output", tmp_path / "out"]
    done = ferry_here(*base, *options)
    assert (done.code, words in done.stderr) == (ExitCode.USAGE, True), done.stderr
    assert not (tmp_path / "out").exists()
