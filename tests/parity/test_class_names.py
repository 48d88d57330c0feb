"""A golden whose class has no name: neither program calls that a proof, in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from builders.bundles import edit_manifest
from builders.programs import Program


@pytest.mark.parametrize("verb", ["verify", "predict"])
def test_a_class_without_a_name_is_refused(bundle_copy: Path, programs: dict[str, Program], verb: str) -> None:
    def shorten(manifest: Any) -> None:
        del manifest["contract"]["classes"]["names"][3:]

    edit_manifest(bundle_copy, shorten)
    options = [] if verb == "verify" else ["--input", bundle_copy / "golden" / "batch-64.input.image.npy"]
    done = [program(verb, bundle_copy, "--engine", "onnxruntime", *options) for program in programs.values()]
    assert {one.code for one in done} == {3 if verb == "verify" else 1}
    assert {one.stderr for one in done} == {done[0].stderr}
    assert "label: got class" in done[0].stderr
    assert "expected 0 to 2" in done[0].stderr
    assert "PASSED" not in done[0].stdout.decode()
