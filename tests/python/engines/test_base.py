"""The session, on an engine that is a few lines of Python: what it lets through to an engine, and what back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from builders.bundles import doubled, fill_bundle
from builders.contracts import contract, spec
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import CaseArrays
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.engines.base import OpenRequest, Session, empty_outputs, name_outputs
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry
from torchferry.limits import MAX_THREADS


class Toy(ModuleType):
    """An engine module that remembers what it was given and gives `outputs`."""

    runtime, numerics = "toy 1", ""
    outputs: Mapping[str, Array] | None = None

    def __init__(self) -> None:
        super().__init__("torchferry.engines.toy")
        self.requests: list[OpenRequest] = []
        self.calls: list[Mapping[str, Array]] = []

    def open_model(self, request: OpenRequest) -> Toy:
        self.requests.append(request)
        return self

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        self.calls.append(inputs)
        return doubled(inputs["x"]) if self.outputs is None else self.outputs


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    module = Toy()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    row = registry.Format(name="toy", engine="toy", exporter="none:none", opener=f"{module.__name__}:open_model")
    monkeypatch.setattr(registry, "FORMATS", (row,))
    return module


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    fill_bundle(tmp_path, artifacts={"toy": b"toy model", "other": b"other model"})
    return open_bundle(tmp_path)


X = np.arange(4, dtype=np.float32).reshape(2, 2)


def test_machine_code_of_a_bundle_runs_only_where_it_is_allowed(
    toy: Toy, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "FORMATS", tuple(replace(row, native_code=True) for row in registry.FORMATS))
    with pytest.raises(FerryError, match=r"got machine code, .* expected permission") as caught:
        Session(bundle, "toy")
    assert (caught.value.code, toy.requests) == (ExitCode.UNAVAILABLE, [])
    Session(bundle, "toy", allow_native=True)
    assert len(toy.requests) == 1


def refusal(bundle: Bundle, engine: str = "toy", **options: object) -> tuple[ExitCode, str]:
    with pytest.raises(FerryError) as caught:
        Session(bundle, engine, **options)  # type: ignore[arg-type]
    return caught.value.code, str(caught.value)


def test_an_engine_is_given_the_verified_bytes_and_the_options(toy: Toy, bundle: Bundle) -> None:
    session = Session(bundle, "toy", device="cuda:3", threads=2)
    request = toy.requests[0]
    assert (request.main_file, request.files) == (b"toy model", {"model.toy": b"toy model"})
    assert (request.device, request.threads, request.contract) == ("cuda:3", 2, bundle.contract)
    assert (session.engine, session.device, session.runtime, session.numerics) == ("toy", "cuda:3", "toy 1", "")


def test_an_artifact_changed_since_opening_never_reaches_the_engine(toy: Toy, bundle: Bundle) -> None:
    (bundle.folder / "model.toy").write_bytes(b"toy madel")
    assert refusal(bundle)[0] == ExitCode.INTEGRITY
    assert not toy.requests


@pytest.mark.parametrize("device", ["gpu", "cuda", "cuda:", "cuda:x", "cuda:-1", "cuda:12345", "CPU", "cpu ", "cpu\n", ""])
def test_a_device_of_another_form_is_a_usage_error(toy: Toy, bundle: Bundle, device: str) -> None:
    code, text = refusal(bundle, device=device)
    assert code == ExitCode.USAGE
    assert "expected cpu or cuda:N" in text
    assert not toy.requests


@pytest.mark.parametrize("threads", [0, -1, MAX_THREADS + 1, 10**30])
def test_too_few_and_too_many_threads_are_usage_errors(toy: Toy, bundle: Bundle, threads: int) -> None:
    assert refusal(bundle, threads=threads)[0] == ExitCode.USAGE
    assert not toy.requests


@pytest.mark.usefixtures("toy")
def test_an_engine_that_is_not_in_the_bundle_and_one_that_python_lacks_are_unavailable(bundle: Bundle) -> None:
    assert refusal(bundle, "onnxruntime")[0] == ExitCode.UNAVAILABLE
    code, text = refusal(bundle, "other")
    assert code == ExitCode.UNAVAILABLE
    assert "which Python cannot run" in text


def test_inputs_are_refused_before_the_engine_sees_them(toy: Toy, bundle: Bundle) -> None:
    session = Session(bundle, "toy")
    for inputs in ({}, {"x": X.astype(np.float64)}, {"x": X, "y": X}, {"x": np.full((1, 2), np.nan, np.float32)}):
        with pytest.raises(FerryError) as caught:
            session.run(inputs)
        assert caught.value.code == ExitCode.BAD_INPUT
    assert not toy.calls


def test_an_engine_is_given_contiguous_inputs(toy: Toy, bundle: Bundle) -> None:
    outputs = Session(bundle, "toy").run({"x": np.asfortranarray(X)})
    assert toy.calls[0]["x"].flags.c_contiguous
    assert np.array_equal(outputs["y"], 2 * X)


def test_an_empty_batch_gives_empty_outputs_without_the_engine(toy: Toy, bundle: Bundle) -> None:
    outputs = Session(bundle, "toy").run({"x": X[:0]})
    assert {name: (array.dtype.name, array.shape) for name, array in outputs.items()} == {
        "y": ("float32", (0, 2)),
        "label": ("int64", (0,)),
    }
    assert not toy.calls


@pytest.mark.parametrize(
    "outputs",
    [
        {"y": 2 * X},
        {"y": 2 * X, "label": np.zeros(2, np.int64), "more": X},
        {"y": (2 * X).astype(np.float64), "label": np.zeros(2, np.int64)},
        {"y": X[:1], "label": np.zeros(2, np.int64)},
        {"y": X, "label": np.zeros((2, 1), np.int64)},
    ],
    ids=["missing", "extra", "dtype", "batch", "rank"],
)
def test_outputs_outside_the_contract_are_a_mismatch(toy: Toy, bundle: Bundle, outputs: dict[str, Array]) -> None:
    toy.outputs = outputs
    with pytest.raises(FerryError, match="output") as caught:
        Session(bundle, "toy").run({"x": X})
    assert caught.value.code == ExitCode.MISMATCH


def test_outputs_come_in_contract_order_and_contiguous(toy: Toy, bundle: Bundle) -> None:
    toy.outputs = {"label": np.zeros(2, np.int64), "y": np.asfortranarray(X)}
    outputs = Session(bundle, "toy").run({"x": X})
    assert list(outputs) == ["y", "label"]
    assert outputs["y"].flags.c_contiguous


def test_scalars_stay_scalars(toy: Toy, tmp_path: Path) -> None:
    scalars = contract((spec("x", shape=()),), (spec("y", shape=()),))
    case = CaseArrays("only", {"x": np.float32(2)}, {"y": np.float32(4)}, {"y": np.float64(4)})  # type: ignore[dict-item]
    fill_bundle(tmp_path, contract=scalars, case=case, artifacts={"toy": b"toy model"})
    toy.outputs = {"y": np.array(4, np.float32)}
    outputs = Session(open_bundle(tmp_path), "toy").run({"x": np.array(2, np.float32)})
    assert toy.calls[0]["x"].shape == ()
    assert outputs["y"].shape == ()


def test_values_get_the_contracts_names(bundle: Bundle) -> None:
    contract = bundle.contract
    assert name_outputs(contract, (1, 2)) == {"y": 1, "label": 2}
    assert name_outputs(contract, [1, 2]) == {"y": 1, "label": 2}
    assert name_outputs(contract, {"label": 2, "y": 1}) == {"y": 1, "label": 2}
    for values in ((1,), (1, 2, 3), 1):
        with pytest.raises(FerryError, match="expected 2"):
            name_outputs(contract, values)


def test_empty_outputs_keep_the_other_symbols(bundle: Bundle) -> None:
    spec = bundle.contract.outputs[0].model_copy(update={"shape": ("N", "T", 3)})
    contract = bundle.contract.model_copy(update={"outputs": (spec,)})
    assert empty_outputs(contract, {"N": 0, "T": 5})["y"].shape == (0, 5, 3)
