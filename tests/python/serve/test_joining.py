"""Calls that are joined: every caller gets the bits of a call of its own where that is promised, and nothing is joined elsewhere."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from builders.programs import ROOT, Program
from builders.zoo import Zoo
from torchferry.bundle.reader import open_bundle
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.joined import require_same_bits
from torchferry.proof.where import Where
from torchferry.serve.joining import Joining, cut, join
from torchferry.serve.served import Served, choose

pytest.importorskip("ray.serve", reason="ray is not installed: pip install 'torchferry[serve]'")
import ray.serve

from torchferry.serve.replica import Replica

IRIS = ROOT / "exported" / "iris-adaline"
NATIVE = Where(allow_native=True)


@pytest.fixture(autouse=True)
def inside_a_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's queue of waiting calls asks its replica for one number, to warn by."""
    context = SimpleNamespace(_deployment_config=SimpleNamespace(max_ongoing_requests=1000))
    monkeypatch.setattr(ray.serve, "get_replica_context", lambda: context)


@pytest.fixture(scope="module")
def bundle(zoo: Zoo) -> Path:
    """A network in generated C, which computes one sample after the other."""
    found = zoo.bundle("classifier", "c")
    assert found is not None
    return Path(found)


def replica(bundle: Path, joining: Joining) -> Replica:
    return Replica(choose(str(bundle), "1", NATIVE, engine="c", trust=None, joining=joining), joining)


def images(rows: int) -> Any:
    return np.random.default_rng(rows).integers(0, 256, (rows, 4, 4), np.uint8)


def same(first: Any, second: Any) -> bool:
    return first.keys() == second.keys() and all(first[name].tobytes() == second[name].tobytes() for name in first)


def counted(one: Replica) -> list[int]:
    """Return the samples of each call that reaches the engine from now on."""
    sizes: list[int] = []
    run = one._session.run
    one._session.run = lambda inputs: (sizes.append(len(inputs["image"])), run(inputs))[1]  # type: ignore[method-assign]
    return sizes


def test_joined_answers_have_the_bits_that_ferry_run_gives_to_each_alone(
    bundle: Path, ferry_run: Program, tmp_path: Path
) -> None:
    calls = [images(rows) for rows in (1, 3, 1, 7, 2)]
    one = replica(bundle, Joining(rows=64, wait_s=0.2))
    sizes = counted(one)

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(one({"image": call}) for call in calls))

    found = asyncio.run(all_at_once())
    assert sizes == [14], "they were not joined: this says nothing"
    for call, answer in zip(calls, found, strict=True):
        np.save(tmp_path / "call.npy", call)
        options = ["--engine", "c", "--allow-native", "--batch", len(call), "--input", tmp_path / "call.npy"]
        assert ferry_run("predict", bundle, *options, "--output", tmp_path / "alone.npz").code == 0
        assert same(answer, dict(np.load(tmp_path / "alone.npz")))


def test_a_call_never_has_more_samples_than_asked(bundle: Path) -> None:
    one = replica(bundle, Joining(rows=8, wait_s=0.05))
    sizes = counted(one)

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(one({"image": images(rows)}) for rows in (5, 5, 3, 8, 30)))

    found = asyncio.run(all_at_once())
    assert [len(answer["label"]) for answer in found] == [5, 5, 3, 8, 30]
    assert sum(sizes) == 51
    assert sorted(sizes)[-1] == 30, "a call of one caller is not cut"
    assert sorted(sizes)[-2] == 8


def test_a_wrong_call_costs_its_neighbours_nothing(bundle: Path) -> None:
    one = replica(bundle, Joining(rows=64, wait_s=0.1))

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(one({"image": call}) for call in (images(2), images(2)[:, :3], images(4))))

    first, wrong, last = asyncio.run(all_at_once())
    assert wrong[0] == ExitCode.BAD_INPUT
    assert "dim 1: got 3, expected 4" in wrong[1]
    alone = Session(open_bundle(bundle), "c", allow_native=True)
    assert same(first, alone.run({"image": images(2)}))
    assert same(last, alone.run({"image": images(4)}))


def test_calls_of_other_shapes_are_not_joined() -> None:
    class Recorder(Replica):
        def __init__(self) -> None:
            self.sizes: list[tuple[int, ...]] = []

        def _run(self, inputs: Any) -> Any:
            self.sizes.append(inputs["x"].shape)
            return {"y": inputs["x"] * 2}

    one = Recorder()
    shapes = [(1, 3), (2, 5), (4, 3), (1, 5), (2, 3)]
    calls = [{"x": np.full(shape, index, np.float32)} for index, shape in enumerate(shapes)]
    found: list[Any] = one.run_together(calls)
    assert sorted(one.sizes) == [(3, 5), (7, 3)]
    for call, answer in zip(calls, found, strict=True):
        assert same(answer, {"y": call["x"] * 2})


def test_what_fails_together_is_run_alone() -> None:
    class Fragile(Replica):
        def __init__(self) -> None:
            pass

        def _run(self, inputs: Any) -> Any:
            return (int(ExitCode.MISMATCH), "bad") if (inputs["x"] < 0).any() else {"y": inputs["x"]}

    calls = [{"x": np.array([value], np.float32)} for value in (1.0, -1.0, 2.0)]
    found: list[Any] = Fragile().run_together(calls)
    assert found[1] == (ExitCode.MISMATCH, "bad")
    assert [answer["y"].tolist() for answer in (found[0], found[2])] == [[1.0], [2.0]]


def test_cut_undoes_join() -> None:
    calls = [{"x": np.arange(rows * 2).reshape(rows, 2) + rows} for rows in (3, 1, 4)]
    for call, part in zip(calls, cut(join(calls), [3, 1, 4]), strict=True):
        assert same(call, part)


@pytest.mark.parametrize("engine", ["onnxruntime", "eager", "torchscript"])
def test_an_engine_whose_bits_depend_on_the_batch_is_not_joined_for_bits(engine: str) -> None:
    with pytest.raises(FerryError, match=f"got engine {engine}, whose bits for a sample may change") as caught:
        choose(str(IRIS), "1", Where(), engine=engine, trust=None, joining=Joining(rows=8))
    assert caught.value.code == ExitCode.USAGE
    assert choose(str(IRIS), "1", Where(), engine=engine, trust=None, joining=Joining(8, keeps="bound")).chosen.engine == engine


def test_no_engine_that_keeps_bits_is_an_error_with_each_reason() -> None:
    with pytest.raises(FerryError, match="onnxruntime: got engine onnxruntime, whose bits") as caught:
        choose(str(IRIS), "1", Where(), engine=None, trust=None, joining=Joining(rows=8))
    assert caught.value.code == ExitCode.UNAVAILABLE


def test_samples_that_depend_on_each_other_are_never_joined() -> None:
    contract = open_bundle(IRIS).contract
    together = contract.model_copy(update={"samples": "batch"})
    apart = contract.model_copy(
        update={"inputs": (*contract.inputs, contract.inputs[0].model_copy(update={"name": "bias", "shape": (2,)}))}
    )
    for keeps in ("bits", "bound"):
        joining = Joining(8, keeps=keeps)  # type: ignore[arg-type]
        assert "samples: batch" in str(joining.problem(together, "c"))
        assert "got bias without a batch N" in str(joining.problem(apart, "c"))
        assert joining.problem(contract, "c") is None


def test_a_replica_whose_samples_change_beside_others_does_not_start(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Session.run

    def wrong(self: Session, inputs: Any) -> Any:
        found = run(self, inputs)
        if len(inputs["image"]) == 1:  # as a kernel of its own for one sample
            found["logits"] = np.nextafter(found["logits"], np.float32(9))
        return found

    joining = Joining(rows=4)
    served: Served = choose(str(bundle), "1", NATIVE, engine="c", trust=None, joining=joining)
    monkeypatch.setattr(Session, "run", wrong)
    with pytest.raises(RuntimeError, match="sample 0 of 4 got other bits alone than joined"):
        Replica(served, joining)
    with pytest.raises(FerryError, match="other bits alone"):
        require_same_bits(open_bundle(bundle), Session(open_bundle(bundle), "c", allow_native=True), 4)


def test_the_largest_batch_of_a_contract_is_kept() -> None:
    contract = open_bundle(IRIS).contract
    assert Joining(rows=64).most(contract.with_max_batch(16)) == 16
    assert Joining(rows=8).most(contract.with_max_batch(16)) == 8


def test_a_replica_computes_one_call_after_the_other_and_none_whose_client_has_gone(bundle: Path) -> None:
    one = replica(bundle, Joining())
    first_runs, go_on = threading.Event(), threading.Event()
    computed, run = [], one._session.run

    def slow(inputs: Any) -> Any:
        computed.append(len(inputs["image"]))
        first_runs.set()
        assert go_on.wait(60)
        return run(inputs)

    one._session.run = slow  # type: ignore[method-assign]

    async def ask() -> list[Any]:
        calls = [asyncio.create_task(one({"image": images(rows)})) for rows in (1, 2, 3)]
        await asyncio.to_thread(first_runs.wait, 60)
        await asyncio.sleep(0.1)  # a second thread would have taken the next
        assert computed == [1]
        calls[1].cancel()
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*calls, return_exceptions=True)

    first, gone, last = asyncio.run(ask())
    assert computed == [1, 3]
    assert isinstance(gone, asyncio.CancelledError)
    assert [len(answer["label"]) for answer in (first, last)] == [1, 3]
