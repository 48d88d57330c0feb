from __future__ import annotations

import json
import sys
from pathlib import Path

from builders.programs import Program, run_program


def test_json_is_the_manifest_itself(ferry_here: Program, reference_bundle: Path) -> None:
    printed = json.loads(ferry_here("inspect", reference_bundle, "--json").stdout)
    assert printed == {
        "bundle": str(reference_bundle),
        "manifest": json.loads((reference_bundle / "manifest.json").read_text()),
        "ignored": [],
        "signatures": [],
    }


def test_the_text_names_everything_that_is_in_the_bundle(ferry_here: Program, reference_bundle: Path) -> None:
    text = ferry_here("inspect", reference_bundle).stdout.decode()
    manifest = json.loads((reference_bundle / "manifest.json").read_text())
    contract = manifest["contract"]
    for spec in contract["inputs"] + contract["outputs"]:
        shape = ",".join(map(str, spec["shape"]))
        assert f"{spec['name']:<14}{spec['dtype']}[{shape}]" in text
    for artifact in manifest["artifacts"]:
        assert artifact["files"][0]["path"] in text
    for row in manifest["tolerances"]:
        assert row["reason"] in text
    assert all(name in text for name in contract["classes"]["names"])
    assert manifest["golden"]["numerics"] in text
    assert manifest["training"]["recipe"] in text


def test_a_bundle_without_training_and_classes_is_shown(ferry_here: Program, tmp_path: Path) -> None:
    from builders.bundles import edit_manifest, fill_bundle

    fill_bundle(tmp_path)
    edit_manifest(tmp_path, lambda value: value["contract"].update(classes=None))
    done = ferry_here("inspect", tmp_path)
    assert done.code == 0
    assert b"training" not in done.stdout
    assert b"classes" not in done.stdout


def test_nothing_is_imported_that_inspect_does_not_need(reference_bundle: Path) -> None:
    code = (
        "import sys; from torchferry.cli.main import run; run(['inspect', sys.argv[1]]);"
        "print(sorted({'numpy', 'torch', 'matplotlib', 'rich', 'jinja2', 'onnxruntime'} & set(sys.modules)))"
    )
    done = run_program([sys.executable, "-c", code], reference_bundle)
    assert done.stdout.decode().splitlines()[-1] == "[]", done.stderr
