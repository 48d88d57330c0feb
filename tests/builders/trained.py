"""The course's models trained for a few epochs and exported, once for all processes of a test run."""

from __future__ import annotations

from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from torchferry.course.export import export_run
from torchferry.course.train import Run, load_run, train_recipe

EPOCHS = {"iris-adaline": 20, "digits-mlp": 3, "mnist-mlp": 2}
FORMATS = ("torchscript", "onnx", "c")


@dataclass(frozen=True)
class Trained:
    """Runs and their bundles in a folder that all test processes share."""

    folder: Path

    def run(self, name: str, data_root: Path | None = None) -> Run:
        """The trained model with its data set."""
        self._make(name, data_root)
        return load_run(self.folder / "runs" / name, data_root)

    def bundle(self, name: str, data_root: Path | None = None) -> Path:
        """Its bundle."""
        self._make(name, data_root)
        return self.folder / name

    def bundle_for(self, name: str, form: str, data_root: Path | None = None) -> Path:
        """Its bundle in one other format. Raises FerryError(UNAVAILABLE) where that cannot be exported here."""
        run, out = self.run(name, data_root), self.folder / f"{name}-{form}"
        with (self.folder / f"{name}-{form}.lock").open("w") as stream:
            flock(stream, LOCK_EX)
            if not out.exists():
                export_run(run, name=name, formats=(form,), out=out, force=False)
        return out

    def _make(self, name: str, data_root: Path | None) -> None:
        with (self.folder / f"{name}.lock").open("w") as stream:
            flock(stream, LOCK_EX)
            if (self.folder / name).exists():
                return
            run = train_recipe(name, out=self.folder / "runs" / name, data_root=data_root, changes={"epochs": EPOCHS[name]})
            export_run(run, name=name, formats=FORMATS, out=self.folder / name, force=False)
