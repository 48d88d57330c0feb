"""What `predict` costs for files as users have them, both programs beside pandas, PIL and NumPy with PyTorch, and OpenCV with LibTorch.

    ninja -C build ferry_opencv_predict; .venv/bin/python tests/bench/predict_speed.py [--rows 1000000] [--pictures 10000] [--mib 2048] [--rounds 3]
        [--ferry-run build/bin/ferry-run] [--opencv build/tests/bin/ferry_opencv_predict] [--packages FOLDER]

One thread each, in turns in one run; medians of wall and processor time, and the peak of memory, as Markdown for
tests/bench/RESULTS.md. Everybody writes the answers as CSV. `--packages`: a folder with pandas and pyarrow, where this Python has none.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

import torchferry
from torchferry.engines.numerics import torch_numerics

COLUMNS = 32
HEIGHT, WIDTH = 480, 640
ENGINE = "onnxruntime"
PANDAS = """
import pandas, torch
torch.set_num_threads(1)
model = torch.jit.load(MODEL)
parts = pandas.read_csv(FILE, header=None, dtype="float32", chunksize=10_000)
for index, part in enumerate(parts):
    with torch.inference_mode():
        answers = model(torch.from_numpy(part.to_numpy())).numpy()
    pandas.DataFrame(answers).to_csv(OUT, mode="a" if index else "w", header=False, index=False)
"""
NUMPY = """
import numpy, torch
torch.set_num_threads(1)
model = torch.jit.load(MODEL)
rows = numpy.load(FILE, mmap_mode="r")
with open(OUT, "w") as out:
    for start in range(0, len(rows), 10_000):
        with torch.inference_mode():
            answers = model(torch.from_numpy(numpy.array(rows[start : start + 10_000]))).numpy()
        numpy.savetxt(out, answers, fmt="%.9g", delimiter=",")
"""
PIL = """
import numpy, pathlib, torch
from PIL import Image
torch.set_num_threads(1)
model = torch.jit.load(MODEL)
files = sorted(pathlib.Path(FILE).iterdir())
with open(OUT, "w") as out:
    for start in range(0, len(files), 16):
        pictures = numpy.stack([numpy.asarray(Image.open(file)) for file in files[start : start + 16]])
        with torch.inference_mode():
            answers = model(torch.from_numpy(pictures)).numpy()
        numpy.savetxt(out, answers, fmt="%.9g", delimiter=",")
"""


@dataclass
class Cost:
    """Measurements of one command: seconds of each round by the clock and of the processor, and MiB at its peak."""

    command: list[str]
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    peak: float = 0.0


class Pictures(nn.Module):
    """A small network of pictures: uint8 [N,480,640,3] to ten scores."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 7, stride=4), nn.ReLU(), nn.Conv2d(8, 16, 5, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(16, 10),
        )  # fmt: skip

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map pictures to scores [N,10]."""
        result: torch.Tensor = self.layers(image.permute(0, 3, 1, 2).to(torch.float32) / 255)
        return result


def mlp() -> nn.Module:
    """Return a network of rows with two hidden layers."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(COLUMNS, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def main() -> None:
    parser = argparse.ArgumentParser()
    for option, default in (("--rows", 1_000_000), ("--pictures", 10_000), ("--mib", 2048), ("--rounds", 3)):
        parser.add_argument(option, type=int, default=default)
    parser.add_argument("--ferry-run", default="build/bin/ferry-run")
    parser.add_argument("--opencv", default="build/tests/bin/ferry_opencv_predict")
    parser.add_argument("--packages", default="")
    options = parser.parse_args()
    print(f"{datetime.date.today()}, {torch_numerics()}; `python tests/bench/predict_speed.py {' '.join(sys.argv[1:])}`\n")
    with tempfile.TemporaryDirectory() as folder:
        for title, costs in contests(Path(folder), options):
            measure(costs, options.rounds, options.packages)
            print_table(title, costs)


def contests(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Cost]]]:
    """Yield each contest with its contenders; files are made when their turn comes."""
    rows = np.random.default_rng(0).standard_normal((1000, COLUMNS)).astype(np.float32)
    adaline = bundle(folder / "adaline", nn.Linear(COLUMNS, 1), rows[:64])
    deeper = bundle(folder / "mlp", mlp(), rows[:64])
    table = folder / "rows.csv"
    text = "".join(",".join(f"{value:.7g}" for value in row) + "\n" for row in rows.tolist())
    with table.open("w") as stream:
        for _ in range(options.rows // len(rows)):
            stream.write(text)
    for name, carried in (("Adaline", adaline), ("MLP", deeper)):
        scripts = {"pandas + PyTorch": PANDAS} if is_here("pandas", options.packages) else {}
        yield f"CSV, {options.rows:,} rows x {COLUMNS}, {name}", contenders(carried, table, folder, options, scripts)
    table.unlink()
    array = folder / "rows.npy"
    mapped = np.lib.format.open_memmap(array, mode="w+", dtype=np.float32, shape=(options.mib * 2**20 // (4 * COLUMNS), COLUMNS))
    for start in range(0, len(mapped), len(rows)):
        mapped[start : start + len(rows)] = rows[: len(mapped) - start]
    del mapped
    yield f".npy, {options.mib:,} MiB, Adaline", contenders(adaline, array, folder, options, {"NumPy + PyTorch": NUMPY})
    array.unlink()
    carried = bundle(folder / "pictures", Pictures(), draw_pictures(folder / "jpeg", options.pictures))
    costs = contenders(carried, folder / "jpeg", folder, options, {"PIL + PyTorch": PIL})
    if Path(options.opencv).exists():
        costs["OpenCV + LibTorch"] = Cost(
            [options.opencv, str(carried / "model.ts.pt"), str(folder / "jpeg"), str(folder / "out.csv")]
        )
    yield f"JPEG, {options.pictures:,} of {WIDTH} x {HEIGHT}, small CNN", costs


def bundle(out: Path, module: nn.Module, golden: np.ndarray) -> Path:
    """Export a module whose input is `x`."""
    shape = ",".join(map(str, golden.shape[1:]))
    inputs = {"x": f"{golden.dtype}[N,{shape}]"}
    torchferry.export(module.eval(), inputs=inputs, golden={"x": golden}, to=["torchscript", "onnx"], out=out, stress=False)
    return out


def draw_pictures(folder: Path, count: int) -> np.ndarray:
    """Write JPEGs of smooth noise, and return two of them as pixels."""
    folder.mkdir()
    drawn = np.random.default_rng(0)
    for index in range(min(count, 100)):
        small = Image.fromarray(drawn.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8))
        small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(folder / f"{index:06}.jpg", quality=90)
    for index in range(100, count):
        os.link(folder / f"{index % 100:06}.jpg", folder / f"{index:06}.jpg")
    return np.stack([np.asarray(Image.open(folder / f"{index:06}.jpg")) for index in range(2)])


def contenders(carried: Path, file: Path, folder: Path, options: argparse.Namespace, scripts: dict[str, str]) -> dict[str, Cost]:
    """Return both programs and the scripts for one bundle and one file."""
    predict = [
        "predict",
        str(carried),
        "--engine",
        ENGINE,
        "--threads",
        "1",
        "--input",
        str(file),
        "--output",
        str(folder / "out.csv"),
    ]
    names = f"MODEL, FILE, OUT = {str(carried / 'model.ts.pt')!r}, {str(file)!r}, {str(folder / 'out.csv')!r}\n"
    return {
        "ferry-run predict": Cost([options.ferry_run, *predict]),
        "ferry predict": Cost([sys.executable, "-m", "torchferry", *predict]),
        **{name: Cost([sys.executable, "-c", names + script]) for name, script in scripts.items()},
    }


def is_here(package: str, folder: str) -> bool:
    """Say whether a package can be imported by this Python or from `folder`."""
    return importlib.util.find_spec(package) is not None or (Path(folder) / package).is_dir()


def measure(costs: dict[str, Cost], rounds: int, packages: str) -> None:
    """Run all commands in turns, after a round that warms the caches of the disk up."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), packages])}
    for number in range(rounds + 1):
        for cost in costs.values():
            wall, processor, peak = run(cost.command, environment)
            if number:
                cost.wall.append(wall)
                cost.processor.append(processor)
                cost.peak = max(cost.peak, peak)


def run(command: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Run a command; return seconds by the clock and of the processor, with its children's, and MiB at the peak."""
    timed = ["/usr/bin/time", "-f", "%e %U %S %M", *command]  # a child of this process would begin with its memory
    done = subprocess.run(timed, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])} ended with {done.returncode}: {done.stderr[-500:]}")
    wall, user, system, peak = map(float, done.stderr.splitlines()[-1].split())
    return wall, user + system, peak / 1024


def print_table(title: str, costs: dict[str, Cost]) -> None:
    """Print a table of one contest."""
    median: Callable[[list[float]], float] = statistics.median
    print(f"| {title} | wall, s | processor, s | peak, MiB |\n|---|---|---|---|")
    for name, cost in costs.items():
        print(f"| {name} | {median(cost.wall):.2f} | {median(cost.processor):.2f} | {cost.peak:,.0f} |")
    print(flush=True)


if __name__ == "__main__":
    main()
