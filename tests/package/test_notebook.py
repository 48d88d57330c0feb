"""The notebook of docs/notebooks runs from top to bottom without a browser, and shows the report in it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from builders.documents import ENVIRONMENT
from builders.programs import ROOT

NOTEBOOK = ROOT / "docs" / "notebooks" / "carry.ipynb"


def test_no_output_is_kept_in_git() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.slow
def test_it_runs_and_the_report_is_inline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="Jupyter is not installed: make setup-edge")
    nbclient = pytest.importorskip("nbclient", reason="Jupyter is not installed: make setup-edge")
    pytest.importorskip("ipykernel", reason="Jupyter is not installed: make setup-edge")
    monkeypatch.setenv("PATH", ENVIRONMENT["PATH"])
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'python'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))  # no kernel of the user's
    for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "PASSED" in printed
    assert "FAILED" not in printed
    (shown,) = (output["data"]["text/html"] for output in notebook.cells[-1].outputs if "text/html" in output.get("data", {}))
    assert shown.startswith("<iframe")
    assert "notebook" in shown
    assert "PASS" in shown
