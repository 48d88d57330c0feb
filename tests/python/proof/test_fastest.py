"""The engine that a server takes by itself: the fastest of those that pass the goldens here."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest

from builders.programs import ROOT
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.proof import fastest
from torchferry.proof.fastest import choose_fastest
from torchferry.proof.where import Where

BUNDLE = ROOT / "exported" / "iris-adaline"


def slowed(monkeypatch: pytest.MonkeyPatch, seconds: dict[str, float], factor: dict[str, float] | None = None) -> None:
    """Let engines take longer, and answer with a float output that is so many times too large."""
    run = Session.run

    def slow(self: Session, inputs: Any) -> Any:
        time.sleep(seconds.get(self.engine, 0))
        found = run(self, inputs)
        return {**found, "net_input": found["net_input"] * (factor or {}).get(self.engine, 1)}

    monkeypatch.setattr(Session, "run", slow)


@pytest.mark.parametrize("quick", ["eager", "torchscript", "onnxruntime"])
def test_the_fastest_engine_is_taken(quick: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slowed(monkeypatch, {name: 0.02 for name in ("eager", "torchscript", "onnxruntime") if name != quick})
    found = choose_fastest(open_bundle(BUNDLE), Where())
    assert found.engine == quick
    assert set(found.times_us) == {"eager", "torchscript", "onnxruntime"}
    assert f"engine {quick}, the fastest that passes" in found.describe()


def test_a_fast_engine_that_fails_the_goldens_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    slowed(monkeypatch, {"eager": 0.02, "torchscript": 0.02}, {"onnxruntime": 1.01})
    found = choose_fastest(open_bundle(BUNDLE), Where())
    assert found.engine != "onnxruntime"
    assert "fails the goldens" in found.reasons["onnxruntime"]


@pytest.mark.parametrize(("first", "taken"), [(110.0, "eager"), (130.0, "onnxruntime")])
def test_engines_that_take_about_as_long_are_chosen_by_their_order(
    first: float, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of two alike is faster is chance: another engine at every start would give other bits."""
    times = {"eager": first, "torchscript": 500.0, "onnxruntime": 100.0}
    order = [artifact.engine for artifact in open_bundle(BUNDLE).manifest.artifacts]
    assert order.index("eager") < order.index("onnxruntime")
    monkeypatch.setattr(fastest, "_prove_and_time", lambda _bundle, _where, engine: times[engine])
    assert choose_fastest(open_bundle(BUNDLE), Where()).engine == taken


@pytest.mark.parametrize(("samples", "rows"), [("independent", 1), ("batch", 64)])
def test_a_call_is_the_smallest_that_does_not_change_the_answer(samples: str, rows: int) -> None:
    bundle = open_bundle(BUNDLE)
    contract = bundle.contract.model_copy(update={"samples": samples})
    changed = dataclasses.replace(bundle, manifest=bundle.manifest.model_copy(update={"contract": contract}))
    assert {len(array) for array in fastest.one_sample(changed).values()} == {rows}


def test_no_engine_that_passes_is_an_error_with_each_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    slowed(monkeypatch, {}, {"eager": 2, "torchscript": 2, "onnxruntime": 2})
    with pytest.raises(FerryError, match=r"onnxruntime: .* fails the goldens") as caught:
        choose_fastest(open_bundle(BUNDLE), Where())
    assert caught.value.code == ExitCode.UNAVAILABLE
