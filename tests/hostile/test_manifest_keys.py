"""Every key of a manifest is required, no other is allowed, and each value has one type (FORMAT.md sections 2 to 7)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from builders.programs import Program
from builders.spread import spread
from hostile.documents import Place, at, distinct_places, key_of, read_manifest, removed, replaced, write_manifest
from hostile.refusal import assert_refused

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = read_manifest(ROOT / "exported" / "iris-adaline")
PLACES = distinct_places(MANIFEST)
VALUES: dict[str, Any] = {
    "null": None, "boolean": True, "integer": 7, "fraction": 0.5, "string": "a", "array": [], "object": {},
}  # fmt: skip

FREE = ("requires", "metrics", "versions", "metadata")  # their keys are the writer's: any may be there, none need be
NULLABLE = ("classes", "range", "unit", "max", "training")
NUMBERS = ("bound", "metrics", "range")  # a number with or without a fraction


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One copy for the thousands of tests here: `refuse` makes sure that only the manifest changes."""
    return Path(shutil.copytree(ROOT / "exported" / "iris-adaline", tmp_path_factory.mktemp("keys") / "iris-adaline"))


@pytest.fixture
def iris(copied: Path) -> Path:
    """The copy with its own manifest."""
    shutil.copyfile(ROOT / "exported" / "iris-adaline" / "manifest.json", copied / "manifest.json")
    return copied


def type_of(value: Any) -> str:
    """The JSON type, of numbers whether they are written as integers."""
    return next(name for name, example in VALUES.items() if type(example) is type(value))


def types_at(place: Place) -> set[str]:
    """The types that FORMAT.md allows at a place of the manifest."""
    types = {type_of(at(MANIFEST, place))}
    if place[-1:] and place[-1] in NULLABLE:
        types |= {"null", "array" if place[-1] == "range" else "string" if place[-1] == "unit" else "object"}
    if place[-1:] == ("max",):
        types = {"null", "integer"}
    if place[-1:] == ("bound",) or (place[-2:-1] and place[-2] in NUMBERS):
        types |= {"integer", "fraction"}
    if place[-2:-1] == ("shape",):
        types = {"integer", "string"}
    return types


def refuse(program: Program, bundle: Path, document: Any, *named: str) -> None:
    write_manifest(bundle, document)
    assert_refused(program, "inspect", bundle, code=3, named=("manifest.json", *named), under=bundle)


def test_the_walk_reaches_every_part_of_the_manifest() -> None:
    keys = {key_of(place) for place in PLACES}
    assert {"artifacts[0].files[0].sha256", "golden.cases[0].float64.label.bytes", "contract.symbols.N.min"} <= keys
    assert {"tolerances[0].bound", "contract.classes.names[0]", "training.versions.torch"} <= keys
    assert len(keys) > 90


@pytest.mark.parametrize(
    "place", [p for p in PLACES if p and isinstance(p[-1], str) and p[-2:-1] not in [(name,) for name in FREE]], ids=key_of
)
def test_a_missing_key_is_refused_and_named(form: Program, iris: Path, place: Place) -> None:
    refuse(form, iris, removed(MANIFEST, place), str(place[-1]))


@pytest.mark.parametrize(
    "place", [p for p in PLACES if type_of(at(MANIFEST, p)) == "object" and p[-1:] not in [(name,) for name in FREE]], ids=key_of
)
def test_an_unknown_key_is_refused_and_named(form: Program, iris: Path, place: Place) -> None:
    for key in ("comment", "Name", "", "\u001b[2J", "name\0", "k" * 5000):
        refuse(form, iris, replaced(MANIFEST, (*place, key), None), *([key] if key.isalpha() and len(key) < 99 else []))


@pytest.mark.parametrize("place", spread(PLACES, 12), ids=key_of)
def test_a_value_of_another_type_is_refused_and_named(form: Program, iris: Path, place: Place) -> None:
    for value in (VALUES[name] for name in VALUES.keys() - types_at(place)):
        refuse(form, iris, replaced(MANIFEST, place, value), *([str(place[0])] if place else []))


@pytest.mark.parametrize("place", [p for p in PLACES if type_of(at(MANIFEST, p)) == "integer"], ids=key_of)
def test_an_integer_with_a_fraction_or_exponent_is_refused(form: Program, iris: Path, place: Place) -> None:
    value = at(MANIFEST, place)
    text = json.dumps(replaced(MANIFEST, place, "@"))
    for number in (f"{value}.0", f"{value}e0", f"{value}E+00", "1e2"):
        refuse(form, iris, text.replace('"@"', number), str(place[-1] if isinstance(place[-1], str) else place[-2]))


@pytest.mark.parametrize("number", spread([-1, 2**53 + 1, 2**63, 2**64, 2**64 + 12, -(2**63), -(2**64), 10**30], 2))
@pytest.mark.parametrize(
    "place", [p for p in PLACES if p[-1:] in (("bytes",), ("seed",), ("epochs",), ("min",), ("max",))], ids=key_of
)
def test_an_integer_out_of_range_is_refused(form: Program, iris: Path, place: Place, number: int) -> None:
    refuse(form, iris, replaced(MANIFEST, place, number), str(place[-1]))


ROW = ("tolerances", 0)
FLOAT, LABEL = (next(i for i, row in enumerate(MANIFEST["tolerances"]) if (row["kind"], row["output"]) == kind)
                for kind in (("absolute", "net_input"), ("absolute", "label")))  # fmt: skip
RULES: list[tuple[str, Place, Any]] = [
    *((f"a path {path!r}", ("artifacts", 0, "files", 0, "path"), path) for path in (
        "../model.onnx", "golden/../model.onnx", "/etc/passwd", "/", "", ".", "..", "./model.onnx", ".hidden", "golden//x", "x/", "a\\b", "C:x", "a b", "a\n",
        "model.onnx\0", "golden/.x", "\u00e9", "-x", "~/x", "a" * 256, "a/" * 128 + "a", "%2e%2e/x", "manifest.json", "model.onnx ", "con\u200b")),
    ("a path twice", ("artifacts", 0, "files", 0, "path"), "model.onnx"),
    ("a golden as an artifact", ("artifacts", 0, "files", 0, "path"), "golden/batch-1.float32.label.npy"),
    ("upper-case digits", ("artifacts", 0, "files", 0, "sha256"), "A" * 64),
    ("63 digits", ("artifacts", 0, "files", 0, "sha256"), "0" * 63),
    ("65 digits", ("artifacts", 0, "files", 0, "sha256"), "0" * 65),
    ("no digits", ("artifacts", 0, "files", 0, "sha256"), "g" * 64),
    *((f"a name {name[:9]!r}", ("name",), name) for name in ("", "Iris", "-a", ".a", "a" * 65, "a b", "a\n", "a/b")),
    *((f"an input {name[:9]!r}", ("contract", "inputs", 0, "name"), name) for name in ("", "1a", "a-b", "a" * 65, "a.b", "a\n", "other")),
    *((f"a dtype {name!r}", ("contract", "inputs", 0, "dtype"), name) for name in ("float8", "Float16", "Float32", "complex64", "uint64", "object", "")),
    *((f"a shape {shape!r}"[:40], ("contract", "inputs", 0, "shape"), shape) for shape in (
        [2, "N"], ["N", "N"], ["n", 2], ["N", -1], ["N", 2**53 + 1], ["N"] + [1] * 8, ["M", 2], [["N"], 2], ["N", "A" * 33], ["N", "\u00c4"], ["N", ""])),
    *((f"a range {values!r}", ("contract", "inputs", 0, "range"), values) for values in ([1, 0], [0], [0, 1, 2], [], ["0", "1"], [None, 1])),
    ("a symbol that no shape uses", ("contract", "symbols", "M"), {"min": 0, "max": None}),
    ("a maximum below the minimum", ("contract", "symbols", "N"), {"min": 2, "max": 1}),
    ("a symbol in an output only", ("contract", "outputs", 0, "shape"), ["N", "M"]),
    ("no inputs", ("contract", "inputs"), []),
    ("no outputs", ("contract", "outputs"), []),
    ("NaN allowed in integers", ("contract", "outputs", 1, "allow_nonfinite"), True),
    ("channels of no picture", ("contract", "inputs", 0, "channels"), "RGB"),
    *((f"channels {word!r}", ("contract", "inputs", 0, "channels"), word) for word in ("rgb", "L", "", "GBR", 3, ["RGB"])),
    ("a rate of no sound", ("contract", "outputs", 1, "rate"), 16000),
    *((f"a rate {rate!r}", ("contract", "inputs", 0, "rate"), rate) for rate in (0, -1, 2**32, 1.5, "16000", True, [16000])),
    ("an output's name twice", ("contract", "outputs", 0, "name"), "label"),
    ("classes of a float output", ("contract", "classes", "output"), "net_input"),
    ("classes of no output", ("contract", "classes", "output"), "other"),
    ("a class twice", ("contract", "classes", "names"), ["a", "a"]),
    ("an empty class", ("contract", "classes", "names"), ["a", ""]),
    ("no class", ("contract", "classes", "names"), []),
    ("no artifacts", ("artifacts",), []),
    ("no files", ("artifacts", 0, "files"), []),
    ("a format twice", ("artifacts", 0, "format"), "onnx"),
    ("an engine twice", ("artifacts", 0, "engine"), "onnxruntime"),
    ("artifacts out of order", ("artifacts", 0, "format"), "z"),
    *((f"an engine {word[:9]!r}", ("artifacts", 0, "engine"), word) for word in ("", "Eager", "1x", "a" * 33, "a.b", "../x", "a/b")),
    ("an engine without tolerances", ("artifacts", 0, "engine"), "other"),
    ("no cases", ("golden", "cases"), []),
    ("a source", ("golden", "source"), "invented"),
    ("a case twice", ("golden", "cases", 0, "name"), MANIFEST["golden"]["cases"][1]["name"]),
    *((f"a case {name[:9]!r}", ("golden", "cases", 0, "name"), name) for name in ("", "Batch", "-x", "a_b", "a" * 33)),
    ("no tolerances", ("tolerances",), []),
    ("a tolerance of no output", (*ROW, "output"), "other"),
    ("a device", (*ROW, "device"), "cuda:0"),
    ("a negative bound", (*ROW, "bound"), -1e-9),
    ("no reason", (*ROW, "reason"), ""),
    ("a kind", (*ROW, "kind"), "relative"),
    ("bits of float64", ROW, {**MANIFEST["tolerances"][0], "kind": "bits", "bound": 0, "reference": "float64"}),
    ("bits with a bound", ROW, {**MANIFEST["tolerances"][0], "kind": "bits", "bound": 1e-9, "reference": "float32"}),
    ("a bound that its reason does not name", ("tolerances", FLOAT, "bound"), 10 * MANIFEST["tolerances"][FLOAT]["bound"]),
    ("a bound of integers", ("tolerances", LABEL), {**MANIFEST["tolerances"][LABEL], "bound": 1, "reason": "at most 1: a test"}),
    ("scores of bits", ROW, {**MANIFEST["tolerances"][0], "kind": "bits", "bound": 0, "reference": "float32", "scores": "net_input"}),
    ("two rows for one output", ("tolerances",), [*MANIFEST["tolerances"], MANIFEST["tolerances"][-1]]),
    ("a row too few", ("tolerances",), [row for row in MANIFEST["tolerances"] if row["numerics"] != "any" or row["output"] != "label"]),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
def test_a_broken_rule_is_refused(form: Program, iris: Path, place: Place, value: Any) -> None:
    refuse(form, iris, replaced(MANIFEST, place, value))


@pytest.mark.parametrize("path", ["a" * 255, "a/" * 127 + "a", "_", "0", "A.b-c_d", "golden/x", "golden"])
def test_a_path_by_the_rule_is_only_missing(form: Program, iris: Path, path: str) -> None:
    write_manifest(iris, replaced(MANIFEST, ("artifacts", 0, "files", 0, "path"), path))
    assert_refused(form, "inspect", iris, code=4, named=path[:60], under=iris)


def test_a_manifest_without_training_is_accepted(form: Program, iris: Path) -> None:
    write_manifest(iris, replaced(MANIFEST, ("training",), None))
    assert form("inspect", iris).code == 0
