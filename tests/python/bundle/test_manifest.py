"""The manifest's strict parser. tests/hostile holds Python and C++ to the same accepted set; here are the rules one by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders.bundles import fill_bundle
from torchferry.bundle.manifest import Manifest
from torchferry.bundle.manifest_json import dump_manifest, parse_manifest
from torchferry.bundle.strict_json import parse_json
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_MANIFEST_BYTES

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return fill_bundle(tmp_path)


def refusal(data: bytes) -> str:
    with pytest.raises(FerryError) as caught:
        parse_manifest(data, where="manifest.json")
    assert caught.value.code == ExitCode.FORMAT
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(manifest: Manifest, change: Change) -> bytes:
    value = json.loads(dump_manifest(manifest))
    change(value)
    return json.dumps(value).encode()


def test_a_printed_manifest_reads_back_the_same(manifest: Manifest) -> None:
    data = dump_manifest(manifest)
    assert parse_manifest(data, where="x") == manifest
    assert data.endswith(b"}\n")
    keys = list(json.loads(data))
    assert keys == sorted(keys)


def objects(value: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every object of the manifest whose keys are fixed, with its path."""
    free = ("requires", "symbols", "inputs", "float32", "float64", "metrics", "versions")
    found: list[tuple[str, dict[str, Any]]] = []
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += objects(item, f"{path}[{index}]")
    if isinstance(value, dict):
        if path.rpartition(".")[2] not in free:
            found.append((path, value))
        for key, item in value.items():
            found += objects(item, f"{path}.{key}" if path else key)
    return found


def test_every_key_is_required_and_the_message_names_it(manifest: Manifest) -> None:
    whole = json.loads(dump_manifest(manifest))
    count = 0
    for path, found in objects(whole):
        for key in list(found):
            value = found.pop(key)
            assert (f"{path}.{key}" if path else key) in refusal(json.dumps(whole).encode())
            found[key] = value
            count += 1
    assert count > 60


def test_every_object_refuses_an_unknown_key_and_names_it(manifest: Manifest) -> None:
    whole = json.loads(dump_manifest(manifest))
    for path, found in objects(whole):
        found["surplus"] = 1
        assert (f"{path}.surplus" if path else "surplus") in refusal(json.dumps(whole).encode())
        del found["surplus"]


def set_bits_bound(value: dict[str, Any]) -> None:
    value["tolerances"][0].update(kind="bits", reference="float32", bound=1e-3)


def without_rows_of_the_label(value: dict[str, Any]) -> None:
    value["tolerances"] = [row for row in value["tolerances"] if row["output"] != "label"]


def share_a_path(value: dict[str, Any]) -> None:
    case = value["golden"]["cases"][0]
    case["float64"]["label"] = case["float32"]["label"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.update(format_version=4), "format_version: got 4, expected 2 or 3; this bundle is newer"),
        (lambda v: v.update(format_version=1), "format_version: got 1, expected an integer from 2 to 3"),
        (
            lambda v: v["artifacts"][0]["accepted"].update({"c++": "failed"}),
            'artifacts[0].accepted.c++: got "failed", expected passed, or a text that begins with "not run: "',
        ),
        (lambda v: v["artifacts"][0]["accepted"].update(python="not run: "), "artifacts[0].accepted.python: got"),
        (
            lambda v: v["golden"]["cases"][0].update(origin="made"),
            'golden.cases[0].origin: got "made", expected one of given, stress, stream',
        ),
        (lambda v: v["contract"].update(samples="some"), 'contract.samples: got "some", expected one of independent, batch'),
        (lambda v: v.update(format_version=1.0), "format_version"),
        (lambda v: v.update(format_version=True), "format_version"),
        (lambda v: v.update(name="Doubling"), "name"),
        (lambda v: v.update(artifacts=[]), "artifacts"),
        (lambda v: v["artifacts"].append(v["artifacts"][0]), "a second time"),
        (
            lambda v: v["artifacts"].append({**v["artifacts"][0], "format": "aoti"}),
            "artifacts[1].engine: got onnxruntime a second time",
        ),
        (lambda v: v["artifacts"].append({**v["artifacts"][0], "format": "aoti", "engine": "aoti"}), "sorted by format"),
        (lambda v: v["artifacts"][0]["files"][0].update(path="../x"), "artifacts[0].files[0].path"),
        (lambda v: v["artifacts"][0]["files"][0].update(path="/x"), "artifacts[0].files[0].path"),
        (lambda v: v["artifacts"][0]["files"][0].update(path="a\\x"), "artifacts[0].files[0].path"),
        (lambda v: v["artifacts"][0]["files"][0].update(path=".x"), "artifacts[0].files[0].path"),
        (lambda v: v["artifacts"][0]["files"][0].update(path="a//x"), "artifacts[0].files[0].path"),
        (lambda v: v["artifacts"][0]["files"][0].update(path="x" * 256), "artifacts[0].files[0].path"),
        (lambda v: v["artifacts"][0]["files"][0].update(path="manifest.json"), "expected other files than the manifest itself"),
        (lambda v: v["artifacts"][0]["files"][0].update(sha256="0" * 63), "artifacts[0].files[0].sha256"),
        (lambda v: v["artifacts"][0]["files"][0].update(sha256="A" * 64), "artifacts[0].files[0].sha256"),
        (lambda v: v["artifacts"][0]["files"][0].update(bytes=-1), "artifacts[0].files[0].bytes"),
        (lambda v: v["artifacts"][0]["files"][0].update(bytes=1.0), "artifacts[0].files[0].bytes"),
        (lambda v: v["artifacts"][0]["files"][0].update(path="native/x/model.so"), "path: got native/x/model.so"),
        (lambda v: v["golden"]["cases"][0]["inputs"]["x"].update(path="native/x.npy"), "path: got native/x.npy"),
        (share_a_path, "path: got golden/batch-3."),
        (lambda v: v["golden"].update(source="invented"), "golden.source"),
        (lambda v: v["golden"].update(cases=[]), "golden.cases"),
        (lambda v: v["golden"]["cases"].append(v["golden"]["cases"][0]), "a second time"),
        (
            lambda v: v["golden"]["cases"][0]["float32"].pop("y"),
            "golden.cases[0].float32.y: got no such key, expected the contract's names",
        ),
        (lambda v: v["golden"]["cases"][0].update(inputs={}), "golden.cases[0].inputs.x"),
        (lambda v: v["tolerances"].clear(), "got no row for engine onnxruntime, output label"),
        (without_rows_of_the_label, "got no row for engine onnxruntime, output label"),
        (lambda v: v["tolerances"].append(v["tolerances"][0]), "got a second row for its engine"),
        (lambda v: v["tolerances"][0].update(output="z"), "tolerances[0].output: got z"),
        (lambda v: v["tolerances"][0].update(bound=-1.0), "tolerances[0].bound"),
        (lambda v: v["tolerances"][0].update(reason=""), "tolerances[0].reason"),
        (lambda v: v["tolerances"][0].update(device="cuda:0"), "tolerances[0].device"),
        (set_bits_bound, "expected 0 for kind bits"),
    ],
)
def test_a_broken_rule_is_refused_with_the_key(manifest: Manifest, change: Change, words: str) -> None:
    assert words in refusal(changed(manifest, change))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "invalid JSON"),
        (b"[]", "got an array, expected one JSON object"),
        (b'{"a": 1, "a": 2}', "got the key a twice"),
        (b'{"a": 1, "a": 1}', "got the key a twice"),
        (b'{"a": NaN}', "invalid JSON"),
        (b'{"a": -Infinity}', "invalid JSON"),
        (b'{"a": 1e400}', "invalid JSON"),
        (b'{"a": ' + b"9" * 400 + b"}", "invalid JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "byte order mark"),
        (b'{"a": "\\ud800"}', "invalid JSON"),
        (b'{"a": ' + b"[" * 33 + b"]" * 33 + b"}", "more than 32 levels"),
        (b"[" * 100_000, "more than 32 levels"),
        (b" " * (MAX_MANIFEST_BYTES + 1), "got more than 1048576 bytes"),
    ],
)
def test_text_that_is_not_strict_json_is_refused(data: bytes, words: str) -> None:
    assert words in refusal(data)


@pytest.mark.parametrize("text", ["18446744073709551616", "123456789012345678901234567890"])
def test_an_integer_beyond_64_bits_is_the_float_that_other_readers_see(text: str) -> None:
    assert parse_json(f"[{text}, -{text}, 9007199254740993]".encode(), where="m") == [float(text), -float(text), 9007199254740993]
    assert isinstance(parse_json(text.encode(), where="m"), float)


def test_brackets_inside_strings_are_no_nesting(manifest: Manifest) -> None:
    data = changed(manifest, lambda v: v["golden"].update(description='"[' * 40))
    assert parse_manifest(data, where="x").golden.description == '"[' * 40


def with_golden_row(manifest: Manifest, *, numerics: str = "this machine") -> Manifest:
    def add(value: dict[str, Any]) -> None:
        value["golden"]["numerics"] = numerics
        row = {**value["tolerances"][0], "numerics": "golden", "reference": "float32", "kind": "bits", "bound": 0}
        value["tolerances"].append(row)

    return parse_manifest(changed(manifest, add), where="x")


@pytest.mark.parametrize(("numerics", "row"), [("this machine", "golden"), ("another", "any"), ("", "any")])
def test_the_golden_row_holds_only_on_the_goldens_numerics(manifest: Manifest, numerics: str, row: str) -> None:
    found = with_golden_row(manifest).tolerance(engine="onnxruntime", device="cpu", output="y", numerics=numerics)
    assert found is not None
    assert found.numerics == row


def test_two_empty_numerics_promise_nothing(manifest: Manifest) -> None:
    unknown = with_golden_row(manifest, numerics="")
    assert unknown.golden.numerics == ""
    assert any(row.numerics == "golden" for row in unknown.tolerances)
    found = unknown.tolerance(engine="onnxruntime", device="cpu", output="y", numerics="")
    assert found is not None
    assert found.numerics == "any"


def test_a_cuda_device_takes_the_cuda_row_whatever_its_number(manifest: Manifest) -> None:
    found = manifest.tolerance(engine="onnxruntime", device="cuda:3", output="y", numerics="")
    assert found is not None
    assert found.device == "cuda"
    assert manifest.tolerance(engine="aoti", device="cpu", output="y", numerics="") is None
