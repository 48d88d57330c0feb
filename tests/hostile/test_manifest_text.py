"""manifest.json as text: what is not strict JSON, or not of this version, is refused (FORMAT.md section 2)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builders.programs import Program
from hostile.documents import read_manifest, write_manifest
from hostile.refusal import assert_refused

MIB = 1 << 20
NEWER = [4, 5, 2**53, 2**63, 2**64, 10**25]


def refuse(program: Program, bundle: Path, text: str | bytes, *named: str) -> None:
    write_manifest(bundle, text)
    assert_refused(program, "inspect", bundle, code=3, named=("manifest.json", *named), under=bundle)


def test_the_unchanged_manifest_is_accepted(form: Program, iris: Path) -> None:
    write_manifest(iris, read_manifest(iris))
    assert form("inspect", iris).code == 0


def test_a_manifest_cut_at_every_64th_byte_is_refused(form: Program, iris: Path) -> None:
    whole = (iris / "manifest.json").read_bytes()
    assert len(whole) > 64 * 60
    for size in range(0, len(whole) - 2, 64):
        refuse(form, iris, whole[:size])


def test_a_manifest_without_its_last_brace_is_refused(form: Program, iris: Path) -> None:
    refuse(form, iris, (iris / "manifest.json").read_bytes().rstrip()[:-1])


@pytest.mark.parametrize(
    "key",
    ['"format_version": 3', '"na\\u006de": "iris-adaline"', '"training": null', '"contract": {}'],
    ids=["number", "escaped", "null", "object"],
)
def test_a_duplicate_key_is_refused(form: Program, iris: Path, key: str) -> None:
    text = (iris / "manifest.json").read_text()
    refuse(form, iris, text.replace("{", "{" + key + ",", 1), json.loads(f'"{key.split(chr(34))[1]}"'))


def test_a_duplicate_key_deep_inside_is_refused_and_named(form: Program, iris: Path) -> None:
    text = (iris / "manifest.json").read_text()
    refuse(form, iris, text.replace('"sha256":', '"sha256": "", "sha256":', 1), "sha256")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_another_encoding_is_refused(form: Program, iris: Path, encoding: str) -> None:
    refuse(form, iris, (iris / "manifest.json").read_text().encode(encoding))


@pytest.mark.parametrize(
    "raw",
    [b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe0\x80\xaf", b"caf\xe9"],
    ids=["byte", "cut", "overlong-slash", "surrogate", "beyond-unicode", "overlong-3", "latin-1"],
)
def test_bytes_that_are_not_utf_8_are_refused(form: Program, iris: Path, raw: bytes) -> None:
    refuse(form, iris, (iris / "manifest.json").read_bytes().replace(b'"unit": "cm"', b'"unit": "' + raw + b'"'))


@pytest.mark.parametrize(
    "text",
    [
        '"\\ud800"',
        '"\\udc00"',
        '"\\ud800\\u0041"',
        '"\\ude00\\ud83d"',
        '"\\u12"',
        '"\\x41"',
        '"a\tb"',
        '"a\nb"',
        '"\0"',
        "'cm'",
        '"cm',
    ],
)
def test_a_malformed_string_is_refused(form: Program, iris: Path, text: str) -> None:
    refuse(form, iris, (iris / "manifest.json").read_text().replace('"unit": "cm"', f'"unit": {text}'))


@pytest.mark.parametrize("text", ['"\\ud83d\\ude00"', '"\\u0000"', '"\u2028"', '"\\u0063m"', '"\U0001f600"', '"\\/"', '""'])
def test_every_string_of_unicode_text_is_accepted(form: Program, iris: Path, text: str) -> None:
    write_manifest(iris, (iris / "manifest.json").read_text().replace('"unit": "cm"', f'"unit": {text}'))
    assert form("inspect", iris).code == 0


NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "1e999",
    "-1e999",
    "01",
    "+1",
    ".5",
    "1.",
    "0x10",
    "1_0",
    "1e",
    "--1",
    "- 1",
    "1" + "0" * 400,
    "9" * 5000,
    "1e" + "9" * 5000,
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:12])
def test_what_is_no_finite_json_number_is_refused(form: Program, iris: Path, number: str) -> None:
    text = (iris / "manifest.json").read_text()
    assert '"loss": ' in text
    refuse(form, iris, text.replace('"loss": ', f'"more": {number}, "loss": ', 1))


@pytest.mark.parametrize(
    "number", ["1e-999", "-0", "-0.0", "1E+2", "0.1e-2", "1" + "0" * 300, "9" * 19, "9" * 20, "1." + "0" * 5000, "1e308", "0e999"]
)
def test_every_number_within_float64_is_accepted_as_a_metric(form: Program, iris: Path, number: str) -> None:
    write_manifest(iris, (iris / "manifest.json").read_text().replace('"loss": ', f'"more": {number}, "loss": ', 1))
    assert form("inspect", iris).code == 0


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "{", "}", "[]", "null", "1", '"manifest"', "{}", "{}{}", "// comment\n{}", "{,}", "true"]
)
def test_what_is_not_one_manifest_object_is_refused(form: Program, iris: Path, text: str) -> None:
    refuse(form, iris, text)


@pytest.mark.parametrize("tail", ["{}", "]", "x", ",", "\0", "\0\0\0", "/* end */", "\ufeff"])
def test_what_follows_the_object_is_refused(form: Program, iris: Path, tail: str) -> None:
    refuse(form, iris, (iris / "manifest.json").read_text() + tail)


@pytest.mark.parametrize("old", ['"bytes": ', '"unit": "cm"'])
def test_a_trailing_comma_is_refused(form: Program, iris: Path, old: str) -> None:
    text = (iris / "manifest.json").read_text()
    refuse(form, iris, text.replace(old, "," + old, 1))
    refuse(form, iris, text.replace("\n}", ",\n}"))


@pytest.mark.parametrize("depth", [31, 32, 33, 1000, 100_000, 500_000])
@pytest.mark.parametrize("brackets", ["[]", '{"a":}'], ids=["arrays", "objects"])
def test_deep_nesting_is_refused_without_a_crash(form: Program, iris: Path, depth: int, brackets: str) -> None:
    open_, close = brackets[:-1], brackets[-1]
    depth = min(depth, (MIB - 20_000) // len(brackets))
    nested = open_ * depth + "1" + close * depth
    refuse(form, iris, (iris / "manifest.json").read_text().replace('"loss": ', f'"more": {nested}, "loss": ', 1))
    refuse(form, iris, nested)
    refuse(form, iris, open_ * depth)


def test_brackets_inside_strings_are_no_nesting(form: Program, iris: Path) -> None:
    write_manifest(iris, (iris / "manifest.json").read_text().replace('"unit": "cm"', '"unit": "' + '[{\\"' * 100 + '"'))
    assert form("inspect", iris).code == 0


def test_a_manifest_may_have_one_mebibyte_and_not_one_byte_more(form: Program, iris: Path) -> None:
    text = (iris / "manifest.json").read_text()
    write_manifest(iris, text + " " * (MIB - len(text.encode())))
    assert form("inspect", iris).code == 0
    refuse(form, iris, text + " " * (MIB + 1 - len(text.encode())), "size")


def test_a_huge_manifest_is_refused_by_its_size(quick_program: Program, iris: Path) -> None:
    with (iris / "manifest.json").open("r+b") as stream:
        stream.truncate(1 << 40)  # a hole: no disk is used
    try:
        code = quick_program("inspect", iris)
    finally:
        (iris / "manifest.json").unlink()
    assert code.code == 3
    assert "size" in code.stderr


@pytest.mark.parametrize("version", NEWER)
def test_a_newer_format_version_is_refused_as_newer(form: Program, iris: Path, version: int) -> None:
    document = read_manifest(iris)
    document["format_version"] = version
    document["from the future"] = {}  # whatever else is new, the version is told first
    refuse(form, iris, json.dumps(document), "format_version", "newer", "expected 2 or 3")


@pytest.mark.parametrize("version", [0, 1, -1, 1.0, "1", None, True, [1], 1.5, "2"])
def test_a_format_version_that_is_not_known_is_refused(form: Program, iris: Path, version: object) -> None:
    document = read_manifest(iris)
    document["format_version"] = version
    refuse(form, iris, json.dumps(document), "format_version")


def many_class_names(document: dict[str, object]) -> None:
    document["contract"]["classes"]["names"] = [f"{i:05}" for i in range(110_000)]  # type: ignore[index]


def many_tolerances(document: dict[str, object]) -> None:
    row = {
        "engine": "x",
        "device": "cpu",
        "output": "label",
        "numerics": "any",
        "reference": "float32",
        "kind": "bits",
        "bound": 0,
        "scores": None,
        "reason": "r",
    }
    document["tolerances"] += [{**row, "engine": f"e{i}"} for i in range(6_000)]  # type: ignore[operator]


def many_artifacts(document: dict[str, object]) -> None:
    first = document["artifacts"][0]  # type: ignore[index]
    entry, rest = first["files"][0], {"producer": "", "requires": {}, "accepted": first["accepted"]}
    document["artifacts"] = [
        {"format": f"f{i:04}", "engine": f"e{i:04}", "files": [{**entry, "path": f"m{i}"}], **rest} for i in range(1_900)
    ]
    row = {"device": "cpu", "numerics": "any", "reference": "float32", "kind": "bits", "bound": 0, "scores": None, "reason": "r"}
    document["tolerances"] = [
        {**row, "engine": f"e{i:04}", "output": output} for i in range(1_900) for output in ("label", "net_input")
    ]


@pytest.mark.parametrize(("fill", "code"), [(many_class_names, 0), (many_tolerances, 0), (many_artifacts, 4)])
def test_a_manifest_full_of_entries_is_answered_at_once(form: Program, iris: Path, fill: object, code: int) -> None:
    """A check that compares each with each would take minutes here: the suite's time limit is the assertion."""
    document = read_manifest(iris)
    fill(document)  # type: ignore[operator]
    text = json.dumps(document, separators=(",", ":"))
    assert MIB // 2 < len(text) < MIB
    write_manifest(iris, text)
    assert form("inspect", iris).code == code
