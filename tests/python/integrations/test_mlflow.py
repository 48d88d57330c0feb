"""The flavour of MLflow, with a store in a folder: logged, loaded, verified on load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.programs import ROOT
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode, FerryError

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed: make setup-edge")
from torchferry.integrations import mlflow as flavour  # noqa: E402

BUNDLE = ROOT / "exported" / "iris-adaline"


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "store").as_uri())
    with mlflow.start_run():
        return flavour.log_model(BUNDLE, "iris", engine="onnxruntime")


def golden() -> tuple[dict[str, Any], dict[str, Any]]:
    bundle = open_bundle(BUNDLE)
    case = bundle.manifest.golden.cases[0]
    return bundle.read_arrays(case.inputs), bundle.read_arrays(case.float64)


def test_a_logged_bundle_is_loaded_and_answers_as_the_goldens(logged: Any) -> None:
    session = flavour.load_model(logged.model_uri)
    inputs, expected = golden()
    outputs = session.run(inputs)
    assert np.abs(outputs["net_input"] - expected["net_input"]).max() < 1e-6
    assert np.array_equal(outputs["label"], expected["label"])


def test_pyfunc_loads_it_too(logged: Any) -> None:
    model = mlflow.pyfunc.load_model(logged.model_uri)
    inputs, expected = golden()
    for given in (inputs, inputs["measurements"]):
        assert np.array_equal(model.predict(given)["label"], expected["label"])


def place(uri: str) -> Path:
    from mlflow.tracking.artifact_utils import _download_artifact_from_uri

    return Path(_download_artifact_from_uri(uri))


def test_a_flipped_bit_in_the_store_is_refused_by_both(logged: Any) -> None:
    model = place(logged.model_uri) / "bundle" / "model.onnx"
    data = bytearray(model.read_bytes())
    data[100] ^= 1
    model.write_bytes(bytes(data))
    for load in (flavour.load_model, mlflow.pyfunc.load_model):
        with pytest.raises(FerryError) as caught:
            load(str(model.parents[1]))
        assert caught.value.code == ExitCode.INTEGRITY


def test_another_whole_bundle_in_its_place_is_refused(logged: Any, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(place(logged.model_uri), tmp_path / "copy")
    shutil.rmtree(copy / "bundle")
    shutil.copytree(ROOT / "exported" / "digits-mlp", copy / "bundle")
    with pytest.raises(FerryError, match="another bundle") as caught:
        flavour.load_model(str(copy))
    assert caught.value.code == ExitCode.INTEGRITY


def test_a_model_whose_answers_left_their_bound_does_not_load(logged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchferry.engines.base import Session

    honest = Session.run
    monkeypatch.setattr(
        Session, "run", lambda self, inputs: {name: value + value.dtype.type(1) for name, value in honest(self, inputs).items()}
    )
    with pytest.raises(FerryError) as caught:
        flavour.load_model(logged.model_uri)
    assert caught.value.code == ExitCode.MISMATCH
