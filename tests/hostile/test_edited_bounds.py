"""A bound is the one that its reason names, to the last digit: a row edited to any number that its text holds is refused."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.programs import Program
from builders.spread import spread
from hostile.documents import read_manifest, write_manifest
from hostile.refusal import assert_refused

ROOT = Path(__file__).resolve().parents[2]
BUNDLES = ("iris-adaline", "digits-mlp")
NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")
Row = dict[str, Any]


def numbers_in(row: Row) -> set[str]:
    """Every number and every run of digits in the texts of a row, and each of its ends: 64 of float64, 6 and 4 of 64."""
    text = " ".join(value for value in row.values() if isinstance(value, str))
    runs = re.findall(r"[0-9]+", text)
    parts = {run[start:end] for run in runs for start in range(min(len(run), 3)) for end in (start + 1, len(run))}
    return set(NUMBERS.findall(text)) | set(runs) | parts


def edits(manifest: Any) -> Iterator[tuple[int, float]]:
    """Each row with each other bound that its text holds; what float() makes equal is no edit."""
    for index, row in enumerate(manifest["tolerances"]):
        for value in sorted({float(number) for number in numbers_in(row)} - {row["bound"]}):
            yield index, value


def with_bound(manifest: Any, index: int, bound: float, **fields: Any) -> Any:
    changed = copy.deepcopy(manifest)
    changed["tolerances"][index].update(bound=bound, **fields)
    return changed


@pytest.mark.parametrize("name", spread(BUNDLES, 1))
def test_a_row_edited_to_any_number_of_its_text_is_refused(
    quick_program: Program, request: pytest.FixtureRequest, name: str
) -> None:
    bundle: Path = request.getfixturevalue(name.partition("-")[0])
    manifest = read_manifest(ROOT / "exported" / name)
    tried = list(edits(manifest))
    assert {index for index, _ in tried} == set(range(len(manifest["tolerances"])))
    assert any(value == 64 for _, value in tried)
    for index, value in tried:
        write_manifest(bundle, with_bound(manifest, index, value))
        assert_refused(quick_program, "inspect", bundle, code=3, named="tolerances", under=bundle)


def absolute_row(manifest: Any) -> int:
    return next(i for i, row in enumerate(manifest["tolerances"]) if row["kind"] == "absolute" and row["bound"] > 0)


@pytest.mark.parametrize(
    "opening",
    [
        "", "at most", "at most ", "at most : ", "At most {}: ", "at  most {}: ", " at most {}: ", "at most {}; ", "at most {}:", "at most +{}: ",
        "at most {}f: ", "at most {}, 1: ", "at most 0x1p-3: ", "at most inf: ", "at most nan: ", "at most 1e999: ", "at most .125: ", "at most 125.e-3: ",
        "at most 1,25: ", "at most {} 1: ", "estimated: at most {}: ", "at most \u0661: ", "at most {}e: ", "at most 12_5: ",
    ],
)  # fmt: skip
def test_a_reason_that_begins_otherwise_names_no_bound(quick_program: Program, iris: Path, opening: str) -> None:
    manifest = read_manifest(iris)
    reason = opening.replace("{}", "0.125") + "because"
    write_manifest(iris, with_bound(manifest, absolute_row(manifest), 0.125, reason=reason))
    assert_refused(quick_program, "inspect", iris, code=3, named="reason", under=iris)


@pytest.mark.parametrize(
    "number", ["0.125", "0.1250", "1.25e-1", "1.25e-01", "125e-3", "00.125", "0.125000000000000000000000000000001"]
)
def test_a_reason_names_the_bound_in_any_way_to_write_the_number(quick_program: Program, iris: Path, number: str) -> None:
    manifest = read_manifest(iris)
    document = with_bound(manifest, absolute_row(manifest), 0.125, reason=f"at most {number}: because")
    write_manifest(iris, document)
    assert quick_program("inspect", iris).code == 0


@pytest.mark.parametrize("number", ["0", "0.0", "64", "1e999", "1e-999"])
def test_a_bound_of_zero_has_no_number_in_its_reason(quick_program: Program, iris: Path, number: str) -> None:
    manifest = read_manifest(iris)
    write_manifest(iris, with_bound(manifest, absolute_row(manifest), 0, reason=f"at most {number}: because"))
    assert_refused(quick_program, "inspect", iris, code=3, named="reason", under=iris)


@pytest.mark.parametrize(
    "stated",
    ["", "1 - 0: ", "1 - 1e-8: ", "1 - 1.1e-9: ", "1 - 1: ", "1-1e-9: ", "1 - 1e-9 ", "1 - 1e-9; ", "1 - -1e-9: ", "1 - 1e-999: ", "1 - nan: "],
)  # fmt: skip
def test_a_certificate_that_is_less_sure_is_refused(quick_program: Program, iris: Path, stated: str) -> None:
    manifest = read_manifest(iris)
    reason = f"at most 0.125: certified with probability {stated}because"
    write_manifest(iris, with_bound(manifest, absolute_row(manifest), 0.125, reason=reason))
    assert_refused(quick_program, "inspect", iris, code=3, named="reason", under=iris)


@pytest.mark.parametrize("stated", ["1 - 1e-09: ", "1 - 1e-9: ", "1 - 1.0e-12: ", "1 - 0.000000001: "])
def test_a_certificate_states_its_probability_in_any_way_to_write_the_number(
    quick_program: Program, iris: Path, stated: str
) -> None:
    manifest = read_manifest(iris)
    reason = f"at most 0.125: certified with probability {stated}because"
    write_manifest(iris, with_bound(manifest, absolute_row(manifest), 0.125, reason=reason))
    assert quick_program("inspect", iris).code == 0


def test_a_label_names_its_margin_too(quick_program: Program, digits: Path) -> None:
    manifest = read_manifest(digits)
    index = next(i for i, row in enumerate(manifest["tolerances"]) if row["kind"] == "label")
    row = manifest["tolerances"][index]
    write_manifest(digits, with_bound(manifest, index, row["bound"], reason="at most 64: " + row["reason"].partition(": ")[2]))
    assert_refused(quick_program, "inspect", digits, code=3, named="reason", under=digits)
