"""`ferry demo`: what it says where C++ lacks an engine."""

from __future__ import annotations

import shutil
from pathlib import Path

from builders.programs import BUILD, Program


def test_the_demo_says_which_engine_cpp_could_not_run_and_why(ferry_here: Program, tmp_path: Path) -> None:
    """A ferry-run that has no plugin but that of ONNX Runtime."""
    program = tmp_path / "bin" / "ferry-run"
    for name in ("bin/ferry-run", "lib/ferry/ferry-cell", "lib/ferry/libferry_engine_onnxruntime.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(BUILD / name, tmp_path / name)
    done = ferry_here("demo", "--ferry-run", program, "--folder", tmp_path / "demo")
    assert done.code == 0, done
    table = done.stdout.decode().splitlines()
    assert [line.split()[3:5] for line in table if "C++" in line and line.endswith("PASS")] == [["onnxruntime", "C++"]] * 2
    assert table[-1].startswith("C++ could not run torchscript: "), table
    assert "libferry_engine_torchscript.so" in table[-1]
    assert [line.partition(":")[0] for line in table if "could not run" in line] == ["C++ could not run torchscript"], table
