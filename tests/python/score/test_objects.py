"""`ferry score` from and to an S3 store: the answers of ferry-run, kills, and what is said where the store says no."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from builders.programs import Program
from builders.scoring import BATCH, BUNDLE, ENGINE, descendants, expected_lines, kill, start, write_rows
from builders.stores import PACKAGES, Store, open_store
from torchferry.errors import ExitCode

if not (PACKAGES / "moto").is_dir():
    pytest.skip("no S3 server is here: make setup-edge", allow_module_level=True)
pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'torchferry[tables]'")

COUNT = 4_000
LOCAL = ["--local", *ENGINE, "--part-rows", 10 * BATCH]  # 25 parts


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with open_store("data", "out") as found:
        yield found


@pytest.fixture(scope="module")
def rows(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_rows(tmp_path_factory.mktemp("rows") / "rows.npy", COUNT)
    store.put("data/rows.npy", path.read_bytes())
    return path


@pytest.fixture(scope="module")
def expected(ferry_run: Program, rows: Path) -> bytes:
    return expected_lines(ferry_run, rows, rows.with_suffix(".jsonl"))


def score(store: Store, *options: object) -> tuple[int, str]:
    process = start("score", BUNDLE, *options, environment=store.environment)
    _, error = process.communicate(timeout=300)
    return process.returncode, error.decode()


def wait_for(store: Store, path: str, more_than: int, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        count = sum(name.startswith("part-") for name in store.names(path))
        if count > more_than:
            return count
        time.sleep(0.01)
    raise TimeoutError(f"{path}: not more than {more_than} parts")


def test_objects_are_read_in_order_and_the_parts_are_what_ferry_run_predicts(store: Store, expected: bytes) -> None:
    code, error = score(store, *LOCAL, "--input", "s3://data/rows.npy", "--output", "s3://out/plain/")
    assert (code, store.answers("out/plain") == expected) == (ExitCode.OK, True), error
    assert error.splitlines()[-1] == f"score: {COUNT} answers in 25 parts of s3://out/plain/, engine onnxruntime"
    assert store.names("out/plain") == ["_score.json", *(f"part-{i:05}.jsonl" for i in range(25))]
    again = score(store, *LOCAL, "--input", "s3://data/rows.npy", "--output", "s3://out/plain")
    assert (again[0], "got an existing path" in again[1]) == (ExitCode.IO, True)


@pytest.mark.slow
def test_a_prefix_is_a_folder_and_parquet_keeps_its_ids(store: Store, rows: Path, expected: bytes) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    values = np.load(rows)
    for i in range(3):  # 1600, 1600 and 800 rows
        piece = values[i * 1600 : (i + 1) * 1600]
        who = [f"flower-{i * 1600 + at}" for at in range(len(piece))]
        columns = {"who": who, "measurements[0]": piece[:, 0], "measurements[1]": piece[:, 1]}
        parquet.write_table(pa.table(columns), file := io.BytesIO(), row_group_size=500)
        store.put(f"data/tables/part {i}=ü.parquet", file.getvalue())
    code, error = score(store, *LOCAL, "--id", "who", "--input", "s3://data/tables", "--output", "s3://out/tables")
    assert code == ExitCode.OK, error
    found = [json.loads(line) for line in store.answers("out/tables").splitlines()]
    assert [answer.pop("who") for answer in found] == [f"flower-{i}" for i in range(COUNT)]
    assert found == [json.loads(line) for line in expected.splitlines()]


@pytest.mark.usefixtures("rows")
def test_a_driver_killed_at_any_moment_goes_on_with_the_objects_that_are_there(
    store: Store, expected: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # of the processes that are started
    options = [*LOCAL, "--input", "s3://data/rows.npy", "--output", "s3://out/killed", "--resume"]
    process = start("score", BUNDLE, *options, environment=store.environment)
    wait_for(store, "out/killed", 3, process)
    time.sleep(random.Random(os.getpid()).uniform(0, 0.1))
    process.kill()
    process.wait()
    before = {name: store.read(f"out/killed/{name}") for name in store.names("out/killed")}
    assert 3 < len(before) < 25
    code, error = score(store, *options)
    assert (code, store.answers("out/killed") == expected) == (ExitCode.OK, True), error
    assert "of them from before" in error.splitlines()[-1]
    assert all(store.read(f"out/killed/{name}") == data for name, data in before.items())
    summary = json.loads(store.read("out/killed/_score.json"))
    assert [part["first"] for part in summary["parts"]] == list(range(0, COUNT, 10 * BATCH))
    assert not list(tmp_path.glob("ferry-score-*")), "what the killed one had begun"


@pytest.mark.slow
@pytest.mark.usefixtures("rows")
def test_a_part_that_was_changed_in_the_store_is_answered_again(store: Store, expected: bytes) -> None:
    options = [*LOCAL, "--input", "s3://data/rows.npy", "--output", "s3://out/changed", "--resume"]
    assert score(store, *options)[0] == ExitCode.OK
    part = store.read("out/changed/part-00007.jsonl")
    store.put("out/changed/part-00007.jsonl", part.replace(b"0", b"1"))
    code, error = score(store, *options)
    assert (code, store.answers("out/changed") == expected) == (ExitCode.OK, True), error
    assert "24 of them from before" in error


@pytest.mark.usefixtures("rows")
@pytest.mark.slow
def test_a_worker_of_ray_killed_at_any_moment_costs_no_row_of_the_store(store: Store, expected: bytes) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install 'torchferry[ray]'")
    options = [*ENGINE, "--part-rows", 2 * BATCH, "--workers", 1, "--input", "s3://data/rows.npy", "--output", "s3://out/ray"]
    process, chance, killed = start("score", BUNDLE, *options, environment=store.environment), random.Random(os.getpid()), set()
    for more_than in (2, 40, 80):
        wait_for(store, "out/ray", more_than, process)
        time.sleep(chance.uniform(0, 0.5))
        killed |= {one for one, line in descendants(process.pid) if "MapWorker" in line}
        for one in killed:
            kill(one)
    _, error = process.communicate(timeout=300)
    assert (process.returncode, store.answers("out/ray") == expected) == (ExitCode.OK, True), error
    assert len(killed) > 1
    summary = json.loads(store.read("out/ray/_score.json"))
    assert [part["first"] for part in summary["parts"]] == list(range(0, COUNT, 2 * BATCH))


@pytest.mark.usefixtures("rows")
@pytest.mark.slow
def test_a_full_disk_of_a_worker_s_machine_is_one_line_and_the_run_goes_on_with_room(
    store: Store, expected: bytes, tmp_path: Path
) -> None:
    disk, command = tmp_path / "disk", [sys.executable, "-m", "torchferry", "score", BUNDLE, *LOCAL, "--resume"]
    disk.mkdir()
    line = " ".join(map(str, [*command, "--input", "s3://data/rows.npy", "--output", "s3://out/full"]))
    script = f"mount -t tmpfs -o size=4k none {disk} || exit 99\n{line}; echo code $?\nmount -o remount,size=4m {disk}\n{line}"
    environment = {**os.environ, **store.environment, "TMPDIR": str(disk)}
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode in (1, 99) and not done.stdout:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    assert (done.stdout, done.returncode) == (f"code {int(ExitCode.IO)}\n", 0), done
    first, *_, last = done.stderr.splitlines()
    assert first.startswith(f"error: {disk}/ferry-score-"), done.stderr
    assert "got No space left on device" in first
    assert last.startswith(f"score: {COUNT} answers in 25 parts")
    assert store.answers("out/full") == expected


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("given", "output", "words"),
    [
        ("s3://nobody/rows.npy", "s3://out/never", "s3://nobody/rows.npy: no bucket nobody there"),
        ("s3://data/none", "s3://out/never", "s3://data/none: no such object, and none below it"),
        ("s3://data/rows.npy", "s3://nobody/never", "no bucket nobody there"),
    ],
)
def test_what_is_not_in_the_store_is_one_line(store: Store, given: str, output: str, words: str) -> None:
    code, error = score(store, *LOCAL, "--input", given, "--output", output)
    assert (code, error.count("\n"), words in error) == (ExitCode.IO, 1, True), error


@pytest.mark.parametrize(("given", "output"), [("s3://", "s3://out/a"), ("rows.npy", "s3://"), ("rows.npy", "gs://out/a")])
def test_what_is_no_url_of_s3_is_a_usage_error(store: Store, given: str, output: str) -> None:
    code, error = score(store, *LOCAL, "--input", given, "--output", output)
    assert (code, error.count("\n")) == (ExitCode.USAGE, 1), error


@pytest.mark.usefixtures("rows")
def test_keys_that_the_store_does_not_know_are_one_line(store: Store) -> None:
    store.demand_keys()
    try:
        code, error = score(store, *LOCAL, "--input", "s3://data/rows.npy", "--output", "s3://out/denied")
    finally:
        store.demand_keys("inf")
    assert (code, error.count("\n"), "access denied" in error) == (ExitCode.IO, 1, True), error


@pytest.mark.slow
@pytest.mark.usefixtures("rows")
def test_a_store_that_does_not_answer_is_one_line(store: Store) -> None:
    nobody = Store({**store.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, None)
    code, error = score(nobody, *LOCAL, "--input", "s3://data/rows.npy", "--output", "s3://out/nobody")
    assert (code, error.count("\n"), "no answer from the store" in error) == (ExitCode.IO, 1, True), error
