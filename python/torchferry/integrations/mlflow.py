"""A flavour of MLflow: a bundle is logged as a model, and whoever loads it has replayed its goldens first.

    from torchferry.integrations import mlflow as ferry_mlflow

    info = ferry_mlflow.log_model("exported/mine", name="mine")
    model = ferry_mlflow.load_model(info.model_uri, engine="onnxruntime")
    outputs = model.run({"x": inputs})

`mlflow.pyfunc.load_model(info.model_uri)` works too, and verifies as well. The model is a folder with MLmodel and the bundle.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from torchferry.bundle.contract import Array
from torchferry.bundle.digest import sha256_of
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.extras import named_extras
from torchferry.formats import registry
from torchferry.integrations.hub import write_layout
from torchferry.proof.proven import Chosen, open_proven
from torchferry.proof.where import Where
from torchferry.version import VERSION

with named_extras(__name__):
    from mlflow.models import Model
    from mlflow.tracking.artifact_utils import _download_artifact_from_uri

FLAVOR = "torchferry"
_FOLDER = "bundle"


def save_model(bundle: str | Path, path: str | Path, mlflow_model: Model | None = None, *, engine: str | None = None) -> None:
    """Write a model of MLflow into the new folder `path`. engine: the one that pyfunc opens; default: the first that can run here.

    Raises FerryError as open_bundle does, and IO where `path` holds a bundle already.
    """
    opened = open_bundle(bundle)
    target = Path(path)
    target.mkdir(parents=True, exist_ok=True)
    write_layout(opened, target / _FOLDER)
    model = mlflow_model if mlflow_model is not None else Model()
    digest = sha256_of(opened.manifest_json)
    model.add_flavor("python_function", loader_module=__name__, data=_FOLDER, config={"engine": engine, "digest": digest})
    model.add_flavor(FLAVOR, version=VERSION, bundle_name=opened.manifest.name, digest=digest, bundle=_FOLDER)
    model.save(str(target / "MLmodel"))


def log_model(bundle: str | Path, name: str, **options: Any) -> Any:
    """Log a bundle to the active run and return MLflow's ModelInfo. options: `engine`, and those of mlflow.models.Model.log."""
    return Model.log(artifact_path=None, name=name, flavor=sys.modules[__name__], bundle=str(bundle), **options)


def load_model(model_uri: str, *, engine: str | None = None, where: Where | None = None) -> Session:
    """Download a model and return a session of its bundle that has replayed its goldens here. engine: default: the first that can run.

    Raises FerryError: INTEGRITY where the bundle is not the one that was logged, MISMATCH where an answer is outside its bound, and
    what open_bundle and Session raise.
    """
    folder = Path(_download_artifact_from_uri(model_uri))
    flavor = Model.load(str(folder)).flavors.get(FLAVOR)
    if flavor is None:
        raise FerryError(ExitCode.FORMAT, f"{model_uri}: got a model without the flavour {FLAVOR}, expected a logged bundle")
    return _proven(folder / flavor["bundle"], flavor["digest"], engine, where or Where())


def _proven(folder: Path, digest: str, engine: str | None, where: Where) -> Session:
    chosen = engine if engine is not None else _first(open_bundle(folder))
    _, session = open_proven(Chosen(str(folder), digest, None, chosen, where))
    return session


def _first(bundle: Bundle) -> str:
    """Return the first engine of the bundle that needs no native code."""
    native = {row.engine for row in registry.FORMATS if row.native_code}
    found = [artifact.engine for artifact in bundle.manifest.artifacts if artifact.engine not in native]
    if not found:
        raise FerryError(ExitCode.UNAVAILABLE, f"{bundle.folder}: every engine runs machine code; name one, and allow it")
    return found[0]


class _Function:
    """What mlflow.pyfunc calls."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> dict[str, Array]:
        """Return the outputs by name, [N, ...] each, of inputs by name, or of one array [N, ...] where there is one input."""
        del params
        if not isinstance(model_input, Mapping):
            (only,) = self._session.contract.inputs
            model_input = {only.name: model_input}
        return self._session.run({name: np.asarray(value) for name, value in model_input.items()})


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> _Function:
    """Open what mlflow.pyfunc.load_model found; its goldens are replayed first."""
    config = dict(model_config or {})
    return _Function(_proven(Path(path), config["digest"], config.get("engine"), Where()))
