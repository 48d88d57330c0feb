"""What broke on machines that are not this one: another compiler's headers, a CMake project without .venv."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from builders.programs import ROOT

SOURCES = sorted(path for room in ("cpp", "tests") for path in (ROOT / room).rglob("*.[ch]pp"))
FIXED_WIDTH = re.compile(r"std::u?int(8|16|32|64|ptr)_t")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_that_names_a_fixed_width_integer_includes_its_header(path: Path) -> None:
    """GCC 12 brings <cstdint> in by <string>; GCC 13 and later do not."""
    text = path.read_text()
    assert not FIXED_WIDTH.search(text) or "#include <cstdint>" in text


def test_cmake_configures_without_an_environment(tmp_path: Path) -> None:
    """As somebody does who has cloned the sources and uses CMake alone: no .venv, no wheel of any runtime."""
    source = tmp_path / "ferry"
    source.mkdir()
    for name in ("cmake", "cpp", "python", "exported"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("CMakeLists.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    options = ("-DFERRY_BUILD_TESTS=OFF", "-DFERRY_ENGINE_TORCHSCRIPT=OFF")
    command = ["cmake", "-S", str(source), "-B", str(tmp_path / "build"), "-G", "Ninja", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "engine aoti: left out" in done.stdout
    assert "engine onnxruntime: left out" in done.stdout
