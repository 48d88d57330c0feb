"""Attestations of a reference bundle, and envelopes made by hand."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.programs import ROOT, run_here
from torchferry.attest.envelope import seal
from torchferry.bundle.secret_key import SecretKey, parse_secret_key

BUNDLE = ROOT / "exported" / "iris-adaline"


@dataclass(frozen=True)
class Attestation:
    """An attestation of `BUNDLE` by engine onnxruntime, and the pair of keys that signed it."""

    file: Path
    key: Path
    public: Path

    @property
    def secret(self) -> SecretKey:
        """The key that signed."""
        return parse_secret_key(self.key.read_bytes(), str(self.key))

    @property
    def envelope(self) -> dict[str, Any]:
        """The envelope as plain JSON."""
        value: dict[str, Any] = json.loads(self.file.read_text())
        return value

    @property
    def statement(self) -> dict[str, Any]:
        """The statement as plain JSON."""
        value: dict[str, Any] = json.loads(base64.b64decode(self.envelope["payload"]))
        return value

    def forged(self, target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
        """Write the changed statement as its own key would sign it."""
        statement = self.statement
        change(statement)
        target.write_bytes(seal(json.dumps(statement).encode(), self.secret))
        return target


def digest_of(annotations: object) -> str:
    """The digest of a part of a statement: of its JSON with sorted keys and no spaces."""
    return hashlib.sha256(json.dumps(annotations, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def make_attestation(folder: Path, bundle: Path = BUNDLE, code: int = 0) -> Attestation:
    """Make a key, and let `ferry verify` attest the bundle with it."""
    pair = folder / "attester"
    assert run_here("key", pair, "--no-password").code == 0
    made = Attestation(folder / "attestation.json", folder / "attester.key", folder / "attester.pub")
    done = run_here("verify", bundle, "--engine", "onnxruntime", "--attest", made.file, "--key", made.key)
    assert done.code == code, done.stderr
    return made
