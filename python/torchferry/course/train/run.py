"""A finished (or interrupted) training, read back from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torchferry.course.data import Dataset, load_dataset
from torchferry.course.models.model import Model
from torchferry.course.train.checkpoint import FILE_NAME, Checkpoint, load_checkpoint
from torchferry.course.train.config import TrainConfig
from torchferry.course.train.history import EpochRecord, metrics
from torchferry.course.train.recipe import Recipe
from torchferry.course.train.recipes import RECIPES, find_recipe
from torchferry.errors import ExitCode, FerryError

RUNS = Path("runs")


@dataclass(frozen=True, eq=False)
class Run:
    """A trained model with where it comes from. `module` is on the CPU and in eval mode."""

    recipe: Recipe
    dataset: Dataset
    module: Model
    config: TrainConfig
    history: tuple[EpochRecord, ...]
    versions: dict[str, str]

    def training(self) -> dict[str, object]:
        """Return the manifest's `training` object (FORMAT.md section 7)."""
        return {
            "recipe": self.recipe.name,
            "dataset": self.dataset.name,
            "seed": self.config.seed,
            "epochs": len(self.history),
            "metrics": metrics(self.history),
            "versions": self.versions,
        }


def run_folder(run: str | Path) -> Path:
    """Find a run folder; a recipe's name stands for `runs/NAME`. Raises FerryError(IO) where there is no such run."""
    for folder in (Path(run), RUNS / run):
        if (folder / FILE_NAME).exists():
            return folder
    hint = f"ferry train {run}" if str(run) in RECIPES else f"give a run folder or one of {', '.join(RECIPES)}"
    raise FerryError(ExitCode.IO, f"{run}: got no run there, expected a folder with {FILE_NAME}; {hint}")


def load_run(run: str | Path, data_root: Path | None = None) -> Run:
    """Read a run back. `data_root` replaces the MNIST folder that the training used. Raises FerryError."""
    checkpoint = load_checkpoint(run_folder(run))
    recipe = find_recipe(checkpoint.recipe)
    dataset = load_dataset(recipe.dataset, data_root or stored_data_root(checkpoint))
    module = recipe.build(dataset)
    module.load_state_dict(checkpoint.model)
    module.eval()
    return Run(recipe, dataset, module, checkpoint.config, tuple(checkpoint.history), checkpoint.versions)


def stored_data_root(checkpoint: Checkpoint) -> Path | None:
    """Return where the training read its data; None: the default place."""
    return None if checkpoint.data_root is None else Path(checkpoint.data_root)
