"""Bundles of float32 networks in every format that a CUDA device can run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from builders.shared_folder import shared_folder
from cuda.networks import NETWORKS, export_network


@pytest.fixture(scope="session", autouse=True)
def cuda_device() -> str:
    """The device of these tests; without one they are skipped, and pytest prints and counts the reason."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device is here")
    return "cuda:0"


@pytest.fixture(scope="session", params=list(NETWORKS))
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each network in turn, exported on this machine."""
    return export_network(request.param, shared_folder(tmp_path_factory, "cuda"))


@pytest.fixture(scope="session")
def convolutions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The convolutional network."""
    return export_network("convolutions", shared_folder(tmp_path_factory, "cuda"))
