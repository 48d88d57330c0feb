"""Python and C++ accept exactly the same bundles, with the same exit code, as folder, as links and as one file.

The JSON Schema takes all manifests that they accept. The mutants are new in each run: see hostile/fresh.py.
"""

from __future__ import annotations

import collections
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from builders.forms import linked, zip_folder
from builders.programs import Program
from builders.spread import spread
from hostile.documents import at, distinct_places, read_manifest, removed, replaced, write_manifest
from hostile.form_mutants import archives, changed_folder
from hostile.fresh import seed_of, told
from hostile.mutations import Mutator
from torchferry.bundle.manifest_json import parse_manifest
from torchferry.bundle.schema import manifest_schema
from torchferry.errors import FerryError

EXPORTED = Path(__file__).resolve().parents[2] / "exported"
# Each run has new mutants: one family always, all of them in `make test-slow`.
FAMILIES = spread(range(8), 1)
MANIFESTS = 125  # a family, of each reference bundle
FORM_MUTANTS = 250  # a family
VALIDATOR = jsonschema.Draft202012Validator(manifest_schema())


@pytest.fixture(params=["iris-adaline", "digits-mlp"])
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of each reference bundle in turn."""
    return Path(shutil.copytree(EXPORTED / request.param, tmp_path / request.param))


@pytest.fixture
def agreed_code(ferry_here: Program, ferry_run: Program) -> Callable[[Path, str], int]:
    """Inspect a bundle with both programs; gives the exit code of both."""

    def ask(bundle: Path, about: str) -> int:
        python, cpp = (program("inspect", bundle) for program in (ferry_here, ferry_run))
        assert python.code == cpp.code, f"{about}: {bundle.name}: Python {python.stderr!r}, C++ {cpp.stderr!r}"
        return cpp.code

    return ask


@pytest.mark.parametrize("family", FAMILIES)
def test_both_readers_accept_the_same_manifests_with_the_same_code_in_every_form(
    bundle: Path, agreed_code: Callable[[Path, str], int], family: int
) -> None:
    codes: collections.Counter[int] = collections.Counter()
    links = linked(bundle, bundle.parent / "links")
    for text in Mutator(read_manifest(bundle), seed_of(family)).texts(MANIFESTS):
        about = f"{told(family)}\n{text.decode(errors='replace')}"
        write_manifest(bundle, text)
        forms = (bundle, links, zip_folder(bundle, bundle.parent / "one.ferry"))
        code, *others = (agreed_code(form, about) for form in forms)
        assert others == [code, code], f"{about}: folder, links and one file: {code}, {others}"
        if code == 0:
            VALIDATOR.validate(json.loads(text))
        codes[code] += 1
    print(f"{told(family)}: {MANIFESTS} manifests of {bundle.name} in 3 forms, exit codes {dict(sorted(codes.items()))}")
    # The family is of use only while it holds manifests of both kinds: accepted and refused.
    assert codes.keys() <= {0, 3, 4}, codes
    assert min(codes[0], codes[3]) > 0, codes


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_both_readers_give_the_same_code_for_whatever_lies_in_a_folder(
    iris: Path, agreed_code: Callable[[Path, str], int], family: int
) -> None:
    codes: collections.Counter[int] = collections.Counter()
    chance = random.Random(seed_of(family))
    for number in range(FORM_MUTANTS):
        folder = iris.parent / "mutant"
        if number % 2:
            linked(iris, folder)
        else:
            shutil.copytree(iris, folder)
        changed_folder(folder, chance)
        about = f"{told(family)}: {sorted((path.name, path.is_symlink()) for path in folder.rglob('*'))}"
        codes[agreed_code(folder, about)] += 1
        shutil.rmtree(folder)
    print(f"{told(family)}: {FORM_MUTANTS} folders and folders of links, exit codes {dict(sorted(codes.items()))}")
    assert min(codes[0], codes[4]) > FORM_MUTANTS // 25, codes


@pytest.mark.parametrize("family", FAMILIES)
def test_both_readers_give_the_same_code_for_every_archive(
    iris: Path, agreed_code: Callable[[Path, str], int], family: int
) -> None:
    codes: collections.Counter[int] = collections.Counter()
    file = iris.parent / "one.ferry"
    for data in archives(iris, random.Random(seed_of(family)), FORM_MUTANTS):
        file.write_bytes(data)
        codes[agreed_code(file, told(family))] += 1
    print(f"{told(family)}: {FORM_MUTANTS} archives, exit codes {dict(sorted(codes.items()))}")
    assert codes[0] > 0, codes
    assert min(codes[3], codes[4]) > FORM_MUTANTS // 25, codes


def test_what_the_programs_show_of_an_accepted_manifest_is_the_same(bundle: Path, ferry: Program, ferry_run: Program) -> None:
    shown = [json.loads(program("inspect", bundle, "--json").stdout) for program in (ferry, ferry_run)]
    assert shown[0] == shown[1]
    assert shown[0]["manifest"] == read_manifest(bundle)


def test_the_schema_refuses_every_missing_key_and_every_unknown_one(bundle: Path) -> None:
    document = read_manifest(bundle)
    for place in distinct_places(document):
        value = at(document, place)
        free = place[-1:] in (("requires",), ("metrics",), ("versions",), ("metadata",))
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
