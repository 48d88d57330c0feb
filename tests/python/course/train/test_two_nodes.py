"""Training on two machines: two network namespaces joined by a wire (veth), torchrun in each, gloo between them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from builders.scoring import descendants, kill
from torchferry.course.train import load_run, train_recipe
from torchferry.course.train.checkpoint import load_checkpoint

pytestmark = pytest.mark.slow
EPOCHS = 60
LIMIT_S = 400
PORT = 29517  # inside the namespaces, where nobody else is
WIRE = "wire"  # the name of the interface in each of them


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=60)


def name_of(node: int) -> str:
    return f"ferry-{os.getpid()}-{node}"


def address_of(node: int) -> str:
    return f"10.77.0.{node + 1}"


@pytest.fixture
def two_nodes() -> Iterator[None]:
    made = []
    try:
        try:
            for node in (0, 1):
                ip("netns", "add", name_of(node))
                made.append(name_of(node))
            ip("-n", name_of(0), "link", "add", WIRE, "type", "veth", "peer", "name", WIRE, "netns", name_of(1))
            for node in (0, 1):
                ip("-n", name_of(node), "address", "add", f"{address_of(node)}/24", "dev", WIRE)
                for link in ("lo", WIRE):
                    ip("-n", name_of(node), "link", "set", link, "up")
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", b"") or str(error).encode()
            pytest.skip(f"no network namespaces with a veth here: {said.decode().strip()[:120]}")
        yield
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def begin(folder: Path, node: int, *arguments: str) -> subprocess.Popen[str]:
    """Start a node's torchrun, in a process group of its own."""
    place = ["--nnodes", "2", "--node-rank", str(node), "--nproc-per-node", "1", "--max-restarts", "0"]
    master = ["--master-addr", address_of(0), "--master-port", str(PORT)]
    launcher = [sys.executable, "-m", "torch.distributed.run", *place, *master, "-m", "torchferry", "train", "digits-mlp"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": WIRE}
    command = ["ip", "netns", "exec", name_of(node), *launcher, "--epochs", str(EPOCHS), *arguments]
    with (folder / f"node-{node}.txt").open("w") as said:
        return subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, text=True, env=environment)


def pull_the_plug(node: subprocess.Popen[str]) -> None:
    """End every process of a node at once; torchrun gives its workers sessions of their own."""
    for process in [node.pid, *(one for one, _ in descendants(node.pid))]:
        kill(process)
    node.wait(timeout=60)


def train(folder: Path, *arguments: str) -> None:
    nodes = [begin(folder, node, *arguments) for node in (0, 1)]
    try:
        codes = [node.wait(timeout=LIMIT_S) for node in nodes]
        assert codes == [0, 0], [(folder / f"node-{node}.txt").read_text()[-2000:] for node in (0, 1)]
    finally:
        for node in nodes:
            if node.poll() is None:
                pull_the_plug(node)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_run(folder).module.state_dict())


def epochs_done(folder: Path) -> int:
    """Return the epochs of the last checkpoint; 0 before the first."""
    return len(load_checkpoint(folder).history) if (folder / "checkpoint.pt").exists() else 0


@pytest.mark.usefixtures("two_nodes")
def test_a_node_that_dies_costs_no_weight(tmp_path: Path) -> None:
    nodes = [begin(tmp_path, node, "--out", "broken") for node in (0, 1)]
    deadline = time.monotonic() + LIMIT_S
    while epochs_done(tmp_path / "broken") < 2:
        assert all(node.poll() is None for node in nodes), (tmp_path / "node-0.txt").read_text()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert all(node.poll() is None for node in nodes), "the training ended before a node could die: this says nothing"
    pull_the_plug(nodes[1])
    assert nodes[0].wait(timeout=LIMIT_S) != 0, "a node alone went on"
    done = epochs_done(tmp_path / "broken")
    assert 0 < done < EPOCHS
    train(tmp_path, "--out", "broken", "--resume")
    train(tmp_path, "--out", "whole")
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "broken")
    assert {name: value.numpy().tobytes() for name, value in resumed.items()} == {
        name: value.numpy().tobytes() for name, value in whole.items()
    }
    train_recipe("digits-mlp", out=tmp_path / "one", changes={"epochs": EPOCHS})
    for name, value in weights(tmp_path / "one").items():
        assert torch.allclose(value, whole[name], rtol=0, atol=1e-4), name
