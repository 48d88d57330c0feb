"""Python and C++ accept exactly the same manifests, with the same exit code; the JSON Schema takes all that they accept."""

from __future__ import annotations

import collections
import json
import shutil
from pathlib import Path

import jsonschema
import pytest

from builders.programs import Program
from hostile.documents import at, distinct_places, read_manifest, removed, replaced, write_manifest
from hostile.mutations import Mutator
from torchferry.bundle.manifest import parse_manifest
from torchferry.bundle.reader import open_bundle
from torchferry.bundle.schema import manifest_schema
from torchferry.errors import FerryError

EXPORTED = Path(__file__).resolve().parents[2] / "exported"
SEEDS = range(8)
MANIFESTS_A_SEED = 125
VALIDATOR = jsonschema.Draft202012Validator(manifest_schema())


def python_code(bundle: Path) -> int:
    """The exit code that open_bundle's error stands for; 0 where it opens."""
    try:
        open_bundle(bundle)
    except FerryError as error:
        return int(error.code)
    return 0


@pytest.fixture(params=["iris-adaline", "digits-mlp"])
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of each reference bundle in turn."""
    return Path(shutil.copytree(EXPORTED / request.param, tmp_path / request.param))


@pytest.mark.parametrize("seed", SEEDS)
def test_python_and_cpp_accept_the_same_manifests_with_the_same_code(bundle: Path, ferry_run: Program, seed: int) -> None:
    codes: collections.Counter[int] = collections.Counter()
    for text in Mutator(read_manifest(bundle), seed).texts(MANIFESTS_A_SEED):
        write_manifest(bundle, text)
        expected, done = python_code(bundle), ferry_run("inspect", bundle)
        assert done.code == expected, f"Python {expected}, C++ {done.code} {done.stderr!r}\n{text.decode(errors='replace')}"
        if done.code == 0:
            VALIDATOR.validate(json.loads(text))
        codes[done.code] += 1
    # The family is of use only while it holds manifests of every kind: accepted, malformed, and listing other files.
    assert set(codes) == {0, 3, 4}, codes
    assert codes[0] > MANIFESTS_A_SEED // 20, codes


def test_what_the_programs_show_of_an_accepted_manifest_is_the_same(bundle: Path, ferry: Program, ferry_run: Program) -> None:
    shown = [json.loads(program("inspect", bundle, "--json").stdout) for program in (ferry, ferry_run)]
    assert shown[0] == shown[1]
    assert shown[0]["manifest"] == read_manifest(bundle)


def test_the_schema_refuses_every_missing_key_and_every_unknown_one(bundle: Path) -> None:
    document = read_manifest(bundle)
    for place in distinct_places(document):
        value = at(document, place)
        free = place[-1:] in (("requires",), ("metrics",), ("versions",))
        if isinstance(value, dict) and not free:
            assert not VALIDATOR.is_valid(replaced(document, (*place, "no such key"), None)), place
            if place[-1:] not in (("inputs",), ("float32",), ("float64",), ("symbols",)):  # their keys are the contract's names
                assert not any(VALIDATOR.is_valid(removed(document, (*place, key))) for key in value), place


@pytest.mark.parametrize("value", [None, True, -1, 1.5, "\n", [], {}], ids=repr)
def test_the_schema_refuses_most_values_of_another_type_and_nothing_that_is_accepted(iris: Path, value: object) -> None:
    document = read_manifest(iris)
    refused = accepted = 0
    for place in distinct_places(document):
        broken = replaced(document, place, value)
        valid = VALIDATOR.is_valid(broken)
        refused += not valid
        try:
            parse_manifest(json.dumps(broken).encode(), where="manifest")
        except FerryError:
            continue
        assert valid, place
        accepted += 1
    assert refused > 3 * accepted
