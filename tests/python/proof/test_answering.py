"""Answers without proof: an engine whose package for Python imports torch first answers by libferry, and by Python where it cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from builders.programs import BUILD, Program
from builders.trained import Trained
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.bundle.trust import Trust
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.native import library
from torchferry.proof import answering
from torchferry.proof.answering import open_answering
from torchferry.proof.where import Where

pytestmark = pytest.mark.skipif(
    not (BUILD / "lib" / "ferry" / "libferry_engine_executorch.so").exists(), reason="the C++ half has no ExecuTorch"
)


@pytest.fixture
def folder(trained: Trained) -> Path:
    return trained.bundle_for("digits-mlp", "executorch")


def inputs_of(bundle: Bundle) -> dict[str, np.ndarray]:
    return read_case(bundle, bundle.manifest.golden.cases[0]).inputs


def test_libferry_answers_within_the_bounds_of_the_golden(folder: Path) -> None:
    bundle = open_bundle(folder)
    session = open_answering(bundle, "executorch", Where())
    assert not isinstance(session, Session)
    assert session.engine == "executorch"
    answers, expected = session.run(inputs_of(bundle)), Session(bundle, "executorch").run(inputs_of(bundle))
    assert list(answers) == list(expected)
    for name in expected:
        np.testing.assert_allclose(answers[name], expected[name], rtol=0, atol=1e-4)


def test_the_first_engine_of_a_bundle_may_be_that_one(folder: Path) -> None:
    bundle = open_bundle(folder)
    first = bundle.manifest.artifacts[0].engine
    assert open_answering(bundle, None, Where()).engine == first


def test_another_bundle_in_the_place_of_the_one_that_was_checked_is_refused(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "bundle"
    shutil.copytree(folder, place)
    bundle = open_bundle(place)
    manifest = place / "manifest.json"
    content = json.loads(manifest.read_text())
    content["metadata"]["note"] = "another one"
    manifest.write_text(json.dumps(content, indent=1, sort_keys=True))
    with pytest.raises(FerryError, match="got another bundle than a moment ago") as caught:
        open_answering(bundle, "executorch", Where())
    assert caught.value.code == ExitCode.INTEGRITY


@pytest.mark.parametrize("why", ["no libferry", "two keys"])
def test_python_answers_where_libferry_cannot(folder: Path, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = open_bundle(folder)
    if why == "no libferry":
        monkeypatch.setattr(library, "own_library", lambda: None)
        library.libferry.cache_clear()
    else:
        trust = Trust(("one.pub", "two.pub"))
        object.__setattr__(bundle, "trust_options", tuple(trust.options))
    assert isinstance(open_answering(bundle, "executorch", Where()), Session)
    library.libferry.cache_clear()


def test_the_key_that_was_trusted_is_the_key_that_libferry_asks_for(
    folder: Path, ferry_here: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever trusts one key by --trust is not held to another of FERRY_TRUST."""
    place, mine, others = tmp_path / "bundle", tmp_path / "mine", tmp_path / "others"
    shutil.copytree(folder, place)
    for key in (mine, others):
        assert ferry_here("key", key, "--no-password").code == ExitCode.OK
    assert ferry_here("sign", place, "--key", f"{mine}.key").code == ExitCode.OK
    monkeypatch.setenv("FERRY_TRUST", f"{others}.pub")
    bundle = open_bundle(place, trust=Trust((f"{mine}.pub",)))
    assert isinstance(open_answering(bundle, "executorch", Where()), answering._OfLibferry)
