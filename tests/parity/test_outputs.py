"""The two programs give the same answers: compared through the files that they write, with plain NumPy."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.programs import Program, assert_answered
from builders.sides import ALLOW, REFERENCE_BUNDLES, crossings, shared_engines
from builders.spread import spread
from torchferry.bundle.contract import Array
from torchferry.bundle.manifest import Manifest
from torchferry.bundle.reader import open_bundle
from torchferry.engines import Session

CASE = "batch-64"
Programs = dict[str, Program]
SHARED = [(bundle, engine) for bundle in REFERENCE_BUNDLES for engine in shared_engines(bundle)]


def name_of(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value)


def input_of(bundle: Path) -> Path:
    (path,) = (bundle / "golden").glob(f"{CASE}.input.*.npy")
    return path


@cache
def eager(bundle: Path, batch: int) -> dict[str, Array]:
    """Python eager on the golden inputs, `batch` samples at a time."""
    opened = open_bundle(bundle)
    session, name, rows = Session(opened, "eager"), opened.contract.inputs[0].name, np.load(input_of(bundle))
    parts = [session.run({name: rows[start : start + batch]}) for start in range(0, len(rows), batch)]
    return {output: np.concatenate([part[output] for part in parts]) for output in parts[0]}


def predict(program: Program, bundle: Path, engine: str, output: Path, *options: object, source: object = None) -> None:
    arguments = ["--engine", engine, ALLOW, "--input", source or input_of(bundle), "--output", output, *options]
    done = program("predict", bundle, *arguments)
    assert_answered(done)


def arrays(bundle: Path, output: Path) -> dict[str, Array]:
    names = [spec.name for spec in open_bundle(bundle).contract.outputs]
    return {name: np.load(output.with_suffix(f".{name}.npy")) for name in names}


def promises_bits(manifest: Manifest, engine: str) -> bool:
    return any(row.engine == engine and row.kind == "bits" for row in manifest.tolerances)


def bound_of(manifest: Manifest, engine: str, output: str) -> float:
    (row,) = (r for r in manifest.tolerances if (r.engine, r.device, r.output, r.numerics) == (engine, "cpu", output, "any"))
    return row.bound


@pytest.mark.parametrize("batch", spread([1, 7, 64], 1))
@pytest.mark.parametrize(("bundle", "engine", "language"), list(crossings()), ids=name_of)
def test_outputs_are_eagers_bits_or_within_the_bound_of_float64(
    programs: Programs, tmp_path: Path, bundle: Path, engine: str, language: str, batch: int
) -> None:
    predict(programs[language], bundle, engine, tmp_path / "out.npy", "--batch", batch)
    manifest = open_bundle(bundle).manifest
    expected = eager(bundle, batch)
    for name, actual in arrays(bundle, tmp_path / "out.npy").items():
        assert (actual.dtype, actual.shape) == (expected[name].dtype, expected[name].shape)
        if promises_bits(manifest, engine):
            assert actual.tobytes() == expected[name].tobytes(), f"{name}: not the bits of eager at batch {batch}"
        elif actual.dtype.kind == "f":
            reference = np.load(bundle / "golden" / f"{CASE}.float64.{name}.npy")
            assert np.abs(actual - reference).max() <= bound_of(manifest, engine, name)
        else:
            assert np.array_equal(actual, expected[name])


def test_the_reference_engine_of_both_languages_promises_bits() -> None:
    """Else the test above would compare less than it says."""
    for bundle in REFERENCE_BUNDLES:
        assert "torchscript" in shared_engines(bundle)
        assert promises_bits(open_bundle(bundle).manifest, "torchscript")
        assert promises_bits(open_bundle(bundle).manifest, "eager")


def parsed(path: Path) -> list[Any]:
    if path.suffix == ".csv":
        return list(csv.reader(path.open()))
    return [json.loads(line) for line in path.read_text().splitlines()]


def as_numbers(rows: list[list[str]]) -> list[list[object]]:
    """The header as it is, and the cells below it as values: 1.0 and 1 are one number."""

    def value(cell: str) -> object:
        try:
            return float(cell)
        except ValueError:
            return cell

    return [list(rows[0]), *([value(cell) for cell in row] for row in rows[1:])]


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
@pytest.mark.parametrize(("bundle", "engine"), SHARED, ids=name_of)
def test_text_outputs_are_equal_after_parsing(programs: Programs, tmp_path: Path, bundle: Path, engine: str, ending: str) -> None:
    for language, program in programs.items():
        predict(program, bundle, engine, tmp_path / f"{language}.{ending}")
    ours, theirs = (parsed(tmp_path / f"{language}.{ending}") for language in programs)
    if ending == "csv":
        ours, theirs = as_numbers(ours), as_numbers(theirs)
    assert len(ours) == 64 + (ending == "csv")
    assert ours == theirs
    assert [list(row) for row in ours] == [list(row) for row in theirs]  # also the order of the keys


@pytest.mark.parametrize(("bundle", "engine"), SHARED, ids=name_of)
def test_text_outputs_read_back_to_the_bits_of_the_arrays(programs: Programs, tmp_path: Path, bundle: Path, engine: str) -> None:
    for language, program in programs.items():
        predict(program, bundle, engine, tmp_path / f"{language}.jsonl")
        predict(program, bundle, engine, tmp_path / f"{language}.npy")
        rows = parsed(tmp_path / f"{language}.jsonl")
        for name, array in arrays(bundle, tmp_path / f"{language}.npy").items():
            assert np.array([row[name] for row in rows], array.dtype).tobytes() == array.tobytes()


def bits(bundle: Path, output: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays(bundle, output).items()}


@pytest.mark.parametrize(("bundle", "engine"), SHARED, ids=name_of)
def test_a_table_gives_the_answers_of_the_array(programs: Programs, tmp_path: Path, bundle: Path, engine: str) -> None:
    rows = np.load(input_of(bundle))
    table = tmp_path / "rows.csv"
    header = ",".join(f"feature {i}" for i in range(rows[0].size))
    table.write_text("\n".join([header, *(",".join(map(str, row.ravel().tolist())) for row in rows)]) + "\n")
    for language, program in programs.items():
        predict(program, bundle, engine, tmp_path / f"{language}-array.npy")
        predict(program, bundle, engine, tmp_path / f"{language}-table.npy", source=table)
    answers = [bits(bundle, tmp_path / f"{language}-{kind}.npy") for language in programs for kind in ("array", "table")]
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize(("bundle", "engine"), SHARED, ids=name_of)
def test_no_samples_are_refused_on_both_sides(programs: Programs, tmp_path: Path, bundle: Path, engine: str) -> None:
    np.save(tmp_path / "none.npy", np.load(input_of(bundle))[:0])
    options = ["--engine", engine, ALLOW, "--input", tmp_path / "none.npy", "--output", tmp_path / "y.npy"]
    done = [program("predict", bundle, *options) for program in programs.values()]
    assert done[0] == done[1]
    words = f"error: {tmp_path}/none.npy: got no samples, expected at least one; is this the right file?\n"
    assert (done[0].code, done[0].stderr) == (7, words)
    assert [path.name for path in tmp_path.iterdir()] == ["none.npy"]


def test_pipes_carry_the_same_arrays(programs: Programs, tmp_path: Path) -> None:
    bundle, engine = SHARED[-1]
    done = [
        program(
            "predict",
            bundle,
            "--engine",
            engine,
            ALLOW,
            "--input",
            "-",
            "--select",
            "logits",
            "--format",
            "npy",
            stdin=input_of(bundle).read_bytes(),
        )
        for program in programs.values()
    ]
    for language, finished in zip(programs, done, strict=True):
        assert_answered(finished)
        (tmp_path / f"{language}.npy").write_bytes(finished.stdout)
    ours, theirs = (np.load(tmp_path / f"{language}.npy") for language in programs)
    assert ours.shape == (64, 10)
    assert ours.tobytes() == theirs.tobytes()


def test_an_array_of_unknown_length_goes_through_a_pipe(
    ferry: Program, ferry_run: Program, programs: Programs, tmp_path: Path
) -> None:
    """The row count stands in front of the rows, and a table says it last."""
    bundle, engine = SHARED[-1]
    rows = np.load(input_of(bundle))
    np.savetxt(tmp_path / "rows.csv", rows.reshape(len(rows), -1), "%d", ",")
    words = ["predict", bundle, "--engine", engine, ALLOW, "--input", tmp_path / "rows.csv", "--select", "logits"]
    assert_answered(programs["python"](*words, "--output", tmp_path / "rows.npy"))
    wanted = (tmp_path / "rows.npy").read_bytes()
    for program in (ferry, ferry_run, *programs.values()):
        done = program(*words, "--format", "npy")
        assert_answered(done)
        assert done.stdout == wanted


def test_an_array_is_written_behind_what_stands_in_the_file_of_stdout(ferry: Program, ferry_run: Program, tmp_path: Path) -> None:
    bundle, engine = SHARED[-1]
    words = ["predict", bundle, "--engine", engine, ALLOW, "--input", input_of(bundle), "--select", "logits", "--format", "npy"]
    for program in (ferry, ferry_run):
        with (tmp_path / "out").open("wb") as stream:
            stream.write(b"before")
            stream.flush()
            assert_answered(program(*words, stdout=stream))
        data = (tmp_path / "out").read_bytes()
        assert data.startswith(b"before\x93NUMPY")
        (tmp_path / "rows.npy").write_bytes(data.removeprefix(b"before"))
        assert np.load(tmp_path / "rows.npy").shape == (64, 10)


def test_the_manifests_are_shown_alike(programs: Programs, reference_bundle: Path) -> None:
    shown = [json.loads(program("inspect", reference_bundle, "--json").stdout) for program in programs.values()]
    assert shown[0] == shown[1]
