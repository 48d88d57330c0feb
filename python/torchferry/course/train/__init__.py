"""Training: recipes, the one loop, and run folders.

`load_run(run)` gives a trained model to whoever exports, traces or examines it: `Run(recipe, dataset, module, config, history)`
with the module in eval mode. A run is a folder, or a recipe's name, which means `runs/NAME`.
"""

from __future__ import annotations

from torchferry.course.train.config import TrainConfig
from torchferry.course.train.recipe import Recipe
from torchferry.course.train.recipes import RECIPES, find_recipe
from torchferry.course.train.run import Run, load_run, run_folder
from torchferry.course.train.trainer import train_recipe

__all__ = ["RECIPES", "Recipe", "Run", "TrainConfig", "find_recipe", "load_run", "run_folder", "train_recipe"]
