"""A golden whose class has no name: neither program calls that a proof, in the same words."""

from __future__ import annotations

import re
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
    said = [one.stdout.decode() if verb == "verify" else one.stderr for one in done]
    assert {one.code for one in done} == {1}
    assert said[0] == said[1]
    assert re.search(r"label: got class \d, expected 0 to 2", said[0])
    assert "PASSED" not in said[0]
