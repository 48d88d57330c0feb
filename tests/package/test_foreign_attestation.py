"""An attestation opened by the packages of in-toto and Sigstore, in an environment with nothing of ours."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from builders.attestations import BUNDLE, make_attestation
from builders.environments import make_environment
from builders.programs import ROOT
from torchferry.bundle.signature import parse_public_key

PROGRAM = ROOT / "tests" / "builders" / "foreign_attestation.py"


@pytest.mark.slow
def test_in_toto_and_sigstore_open_an_attestation_and_refuse_a_changed_one(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "environment", "in-toto-attestation==0.9.3", "sigstore==4.5.1")
    made = make_attestation(tmp_path)
    key = parse_public_key(made.public.read_bytes(), str(made.public)).key.hex()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([python, PROGRAM, made.file, key, BUNDLE], env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kind, result, subjects, passed = json.loads(done.stdout)
    files = [path for path in BUNDLE.rglob("*") if path.is_file()]
    assert (kind, result, subjects) == ("https://in-toto.io/attestation/test-result/v0.1", "PASSED", len(files))
    assert passed == made.statement["predicate"]["passedTests"]
