"""`import torchvision` beside a torch of another build, in programs that know nothing of torchferry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

INIT = "from torchvision import extension\nfrom torchvision import _meta_registrations\nMARK = 'imported'\n"
NO_OPERATORS = "raise RuntimeError('operator torchvision::nms does not exist')\n"


def torchvision(folder: Path, *, has_ops: bool, registrations: str) -> Path:
    """A torchvision whose compiled operators are there or not."""
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(INIT)
    (package / "extension.py").write_text(f"def _has_ops():\n    return {has_ops}\n")
    (package / "_meta_registrations.py").write_text(registrations)
    return folder


def python(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=False)


def import_from(folder: Path) -> subprocess.CompletedProcess[str]:
    """Import the torchvision of that folder as torchferry does."""
    return python(
        f"import sys; sys.path.insert(0, {str(folder)!r}); import torchferry.mixed_builds, torchvision;"
        "print(torchvision.MARK, hasattr(sys.modules['torchvision._meta_registrations'], 'REAL'))"
    )


def test_a_torchvision_of_another_build_is_imported_without_its_operators(tmp_path: Path) -> None:
    done = import_from(torchvision(tmp_path, has_ops=False, registrations=NO_OPERATORS))
    assert done.stdout.split() == ["imported", "False"], done.stderr


def test_a_matched_torchvision_is_left_alone(tmp_path: Path) -> None:
    done = import_from(torchvision(tmp_path, has_ops=True, registrations="REAL = True\n"))
    assert done.stdout.split() == ["imported", "True"], done.stderr


def test_another_failure_of_torchvision_is_not_hidden(tmp_path: Path) -> None:
    done = import_from(torchvision(tmp_path, has_ops=True, registrations="raise RuntimeError('something else')\n"))
    assert "RuntimeError: something else" in done.stderr


def test_the_installed_torchvision_builds_a_model_for_a_user_who_never_heard_of_torchferry() -> None:
    pytest.importorskip("torchvision", reason="no torchvision is here")
    done = python("import torch, torchvision; print(torchvision.models.resnet18().eval()(torch.zeros(1, 3, 64, 64)).shape)")
    assert done.stdout == "torch.Size([1, 1000])\n", done.stderr


def test_the_repair_imports_neither_torch_nor_torchvision() -> None:
    done = python("import torchferry.mixed_builds, sys; print({'torch', 'torchvision', 'numpy'} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stderr
