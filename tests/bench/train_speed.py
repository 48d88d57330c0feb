"""How fast one epoch of 784-100-10 on MNIST at batch 100 is: the lecture's loop and ours, in turns in one run.

    .venv/bin/python tests/bench/train_speed.py --data-root ../shared/data [--rounds 7] [--threads 1,2] [--device cpu]

The lecture's loop draws its minibatches from `DataLoader` over `ToTensor()`; ours keeps the preprocessed set in one tensor.
Both start from the same weights and make 600 steps of SGD an epoch. Prints Markdown for tests/bench/RESULTS.md: medians over
rounds, each of which gives every loop its turn, and the training loss after them, which shows that all learn the same.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from torchferry.course.data import Dataset, load_dataset
from torchferry.course.train import find_recipe
from torchferry.course.train.loop import evaluate, train_epoch
from torchferry.course.train.training import Training, start_training
from torchferry.engines.numerics import torch_numerics

BATCH_SIZE = 100
LECTURE = "the lecture's: DataLoader + ToTensor"
GRADIENTS = {"autograd": "ours, `--gradient autograd` (the default)", "manual": "ours, `--gradient manual`"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    command = f"python tests/bench/train_speed.py --data-root DIR --rounds {options.rounds} --device {options.device}"
    print(f"{datetime.date.today()}, {torch_numerics()}; `{command}`\n")
    print("| loop | threads | s an epoch (median) | fastest | times the lecture's speed | loss after |")
    print("|---|---|---|---|---|---|")
    dataset = load_dataset("mnist", options.data_root)
    for threads in map(int, options.threads.split(",")):
        torch.set_num_threads(threads)
        print_rows(dataset, options.data_root, threads, options.rounds, torch.device(options.device))


def print_rows(dataset: Dataset, data_root: Path, threads: int, rounds: int, device: torch.device) -> None:
    """One row for each loop at this number of threads."""
    trainings = {label: our_training(dataset, gradient, device) for gradient, label in GRADIENTS.items()}
    loops: dict[str, Callable[[], object]] = {label: partial(train_epoch, training) for label, training in trainings.items()}
    trainings[LECTURE] = our_training(dataset, "autograd", device)  # for the same weights to begin with
    loops[LECTURE] = lecture_loop(trainings[LECTURE], data_root, device)
    seconds = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            seconds[name].append(time_epoch(loop, device))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, training in trainings.items():
        loss = evaluate(training.model, training.train_set, training.loss)[0]
        ratio = medians[LECTURE] / medians[name]
        print(f"| {name} | {threads} | {medians[name]:.3f} | {min(seconds[name]):.3f} | {ratio:.1f} | {loss:.4f} |", flush=True)


def our_training(dataset: Dataset, gradient: str, device: torch.device) -> Training:
    """mnist-mlp before its first epoch, as `ferry train` sets it up."""
    recipe = find_recipe("mnist-mlp")
    return start_training(recipe, dataset, recipe.config(gradient=gradient, batch_size=BATCH_SIZE), device)


def lecture_loop(training: Training, data_root: Path, device: torch.device) -> Callable[[], None]:
    """One epoch as L9.3.2 writes it, on the network of `training`."""
    network = training.network
    images = datasets.MNIST(str(data_root), train=True, transform=transforms.ToTensor())
    loader = DataLoader(images, batch_size=BATCH_SIZE, shuffle=True)
    optimizer = torch.optim.SGD(network.parameters(), lr=training.config.learning_rate)

    def epoch() -> None:
        network.train()
        for features, targets in loader:
            logits = network(features.view(-1, 28 * 28).to(device))
            cost = F.cross_entropy(logits, targets.to(device))
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()

    return epoch


def time_epoch(loop: Callable[[], object], device: torch.device) -> float:
    """Seconds of one epoch, with what it queued on a GPU."""
    start = time.perf_counter()
    loop()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
