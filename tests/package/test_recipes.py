"""The recipes of package managers, the presets and the workflows: one version, the same names, no file that is not there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from builders.programs import ROOT
from torchferry.version import VERSION

PORT = ROOT / ".ci/packages/vcpkg/ferry"
RECIPE = ROOT / ".ci/packages/conda/recipe.yaml"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
# What find_package, find_path and FetchContent of cmake/ look for, as each registry calls it.
LIBRARIES = {"nlohmann_json": "nlohmann-json", "libsodium": "libsodium", "libseccomp": "libseccomp", "cli11": "cli11"}


def presets() -> dict[str, dict[str, object]]:
    found = json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]
    return {preset["name"]: preset for preset in found}


def test_the_recipes_have_the_version_of_the_package() -> None:
    assert json.loads((PORT / "vcpkg.json").read_text())["version"] == VERSION
    assert re.findall(r'^  version: "(.*)"$', RECIPE.read_text(), re.MULTILINE) == [VERSION]


@pytest.mark.parametrize("conda", LIBRARIES)
def test_the_recipes_name_each_library_that_cmake_asks_for(conda: str) -> None:
    port = json.loads((PORT / "vcpkg.json").read_text())
    named = [*port["dependencies"], *port["features"]["tools"]["dependencies"]]
    assert LIBRARIES[conda] in [entry if isinstance(entry, str) else entry["name"] for entry in named]
    assert re.search(rf"^ +(- |then: ){conda}$", RECIPE.read_text(), re.MULTILINE)


def test_the_port_switches_off_each_engine_whose_runtime_is_no_port() -> None:
    options = set(re.findall(r"option\(FERRY_ENGINE_(\w+)", (ROOT / "CMakeLists.txt").read_text()))
    (listed,) = re.findall(r"foreach\(engine ([A-Z ]+)\)", (PORT / "portfile.cmake").read_text())
    assert set(listed.split()) == options - {"C"}


def test_the_conda_recipe_asks_for_what_the_wheel_asks_for() -> None:
    (block,) = re.findall(r"^dependencies = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    wheel = {line.lower() for line in re.findall(r'"(\S+>=\S+)"', block)}
    assert wheel == {
        f"{name}>={version}" for name, version in re.findall(r"^    - (\S+) >=([\d.]+)$", RECIPE.read_text(), re.MULTILINE)
    } - {
        "scikit-build-core>=1.0",
        "cmake>=3.28",
    }


def test_the_image_installs_what_its_build_asks_for() -> None:
    """Else `make programs` would call apt-get again, or download at a pinned hash what Debian has."""
    run = re.sub(r"\\\n", " ", (ROOT / "cpp/examples/image/Dockerfile").read_text())
    (line,) = re.findall(r"^RUN apt-get update && apt-get install (.*)$", run, re.MULTILINE)
    (asked,) = re.findall(r"^CPP_PACKAGES +:= (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    installed = {word for word in line.split() if not word.startswith("-")}
    assert installed >= set(asked.split()) - {"libgtest-dev", "libbenchmark-dev"}
    assert installed >= {"python3", "python3-venv", "make", "g++", "git"}


def test_every_preset_configures_something_that_is_there() -> None:
    for name, preset in presets().items():
        assert preset["binaryDir"] == f"${{sourceDir}}/build{'' if name == 'release' else '-' + name}"
        toolchain = str(preset.get("toolchainFile", "")).replace("${sourceDir}", str(ROOT))
        assert not toolchain or Path(toolchain).is_file(), name
    built = json.loads((ROOT / "CMakePresets.json").read_text())["buildPresets"]
    assert {preset["configurePreset"] for preset in built} >= set(presets()) - {"fuzz"}


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not in PATH")
def test_cmake_reads_the_presets() -> None:
    done = subprocess.run(["cmake", "--list-presets"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(f'"{name}"' in done.stdout for name in presets())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_names_only_presets_and_files_that_are_there(workflow: Path) -> None:
    text = workflow.read_text()
    used = set(re.findall(r"--preset ([a-z]\w*)", text)) | set(re.findall(r"preset: ([a-z]\w*)", text))
    assert used <= set(presets())
    for path in re.findall(r"uses: \./(\S+)|bash (\S+)", text):
        assert (ROOT / "".join(path)).is_file(), path
    assert "permissions:" in text
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


@pytest.mark.parametrize("workflow", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda path: path.stem)
def test_actions_of_others_are_pinned_to_a_commit(workflow: Path) -> None:
    """A tag can be moved: the hash decides, and the comment tells people which release it is."""
    used = re.findall(r"^ +(?:- )?uses: (?!\./)(\S+)(.*)$", workflow.read_text(), re.MULTILINE)
    assert used or workflow.name == "action.yml"
    for action, comment in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
